{{ config(enabled='salesforce' in var('systems')) }}
with contracts as (
    select * from {{ ref('stg_salesforce__contracts') }}
    where is_current
),

statuses as (
    select * from {{ ref('contract_status_map') }}
    where system = 'salesforce'
)

select
    c.source_system,
    c.source_instance,
    c.source_id,
    c.source_changed_at,
    c.seen_at,
    c.is_deleted,
    c.record_hash,
    c.source_url,
    c.contract_number as number,
    c.opportunity_id as opportunity_source_id,
    c.account_id as customer_source_id,
    c.legal_entity_code,
    c.currency,
    s.status,
    c.signed_at,
    c.start_date,
    c.end_date,
    c.amount as original_amount
from contracts as c
left join statuses as s on c.contract_status = s.source_status
