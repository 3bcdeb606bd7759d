{{ config(enabled='netsuite' in var('systems')) }}
with schedules as (
    select * from {{ ref('stg_netsuite__billing_schedules') }}
    where is_current
)

select
    s.source_system,
    s.source_instance,
    s.source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    s.record_hash,
    s.source_url,
    s.external_id,
    s.name,
    s.customer_id as customer_source_id,
    'kantata:' || s.psa_project_id as project_ref,
    'salesforce:' || s.crm_opportunity_id as opportunity_ref,
    'salesforce:' || s.crm_contract_id as contract_ref,
    s.billing_method,
    s.amount,
    s.currency,
    s.start_date,
    s.end_date,
    case when s.is_inactive then 'Inactive' else s.status end as status
from schedules as s
