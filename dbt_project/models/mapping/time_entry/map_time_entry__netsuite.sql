{{ config(enabled='netsuite' in var('systems')) }}
-- Versions of hours as the ERP has them. All of them came from the PSA, by our push or an older one, so the reference
-- back to the PSA's entry is what counts: it keeps the hours from being counted twice.
with timebills as (
    select * from {{ ref('stg_netsuite__timebills') }}
),

employees as (
    select * from {{ ref('stg_netsuite__employees') }}
    where is_current
),

subsidiaries as (
    select * from {{ ref('stg_netsuite__subsidiaries') }}
    where is_current
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    t.source_system,
    t.source_instance,
    t.source_id,
    t.source_changed_at,
    t.seen_at,
    t.is_deleted,
    t.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    t.known_from,
    t.known_to,
    cast(null as {{ dbt.type_string() }}) as project_source_id,
    e.email as resource_ref,
    t.work_date,
    t.hours,
    t.billable,
    cast(null as {{ dbt.type_string() }}) as role,
    cast(null as {{ dbt.type_string() }}) as rate_card_ref,
    t.rate as bill_rate,
    cast(null as decimal(18, 6)) as cost_rate,
    u.currency,
    case t.approval_status
        when '3' then 'approved'
        when '4' then 'rejected'
        when '2' then 'submitted'
        else 'draft'
    end as status,
    cast(null as timestamp) as approved_at,
    cast(null as boolean) as is_billed,
    cast(null as {{ dbt.type_string() }}) as replaces_source_id,
    case
        when t.external_id like 'kantata%' then 'kantata:' || substring(t.external_id, 9)
        else 'kantata:' || t.psa_entry_id
    end as external_ref,
    t.created_at
from timebills as t
left join employees as e on t.employee_id = e.employee_id and t.source_instance = e.source_instance
left join subsidiaries as s on t.subsidiary_id = s.subsidiary_id and t.source_instance = s.source_instance
left join currencies as u on s.currency_id = u.currency_id and s.source_instance = u.source_instance
