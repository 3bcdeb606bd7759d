-- A word that no map knows reaches canonical as null or as itself; either way it stops here, with the record that has it.
select 'opportunity' as entity, source_ref, stage as source_value
from {{ ref('dim_opportunity') }}
where stage is null or stage not in ('qualify', 'propose', 'negotiate', 'closed_won', 'closed_lost')
union all
select 'project', source_ref, status
from {{ ref('dim_project') }}
where status is null or status not in ('created', 'active', 'on_hold', 'closed', 'cancelled')
union all
select 'project_status_event', source_id, status
from {{ ref('evt_project_status') }}
where status is null or status not in ('created', 'active', 'on_hold', 'closed', 'cancelled')
union all
select 'time_entry_status_event', source_id, status
from {{ ref('evt_time_entry_status') }}
where status is null or status not in ('draft', 'submitted', 'approved', 'rejected')
union all
select 'contract_line', source_ref, billing_method
from {{ ref('dim_contract_line') }}
where billing_method is null
    or billing_method not in ('time_and_materials', 'fixed_fee', 'milestone', 'retainer')
union all
select 'invoice_line', source_id, line_type
from {{ ref('fct_invoice_line') }}
where line_type is null
    or line_type not in ('time', 'rate_true_up', 'fixed_fee', 'milestone', 'retainer', 'overage', 'product')
