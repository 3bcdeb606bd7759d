{{ config(enabled='netsuite' in var('systems')) }}
with schedules as (
    {{ union_mapped('billing_schedule', ['netsuite']) }}
)

select
    {{ row_key() }} as billing_schedule_sk,
    {{ row_key() }} as billing_schedule_key,
    external_id,
    name,
    customer_source_id,
    project_ref,
    opportunity_ref,
    contract_ref,
    billing_method,
    amount,
    currency,
    start_date,
    end_date,
    status,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    is_deleted,
    record_hash
from schedules
