{{ config(enabled='salesforce' in var('systems')) }}
with lines as (
    select * from {{ ref('stg_salesforce__contract_lines') }}
    where is_current
)

select
    l.source_system,
    l.source_instance,
    l.source_id,
    l.source_changed_at,
    l.seen_at,
    l.is_deleted,
    l.record_hash,
    l.source_url,
    l.contract_id as contract_source_id,
    l.line_no,
    l.billing_method,
    l.revenue_method,
    l.amount,
    l.currency,
    l.planned_hours,
    l.nte_cap,
    l.rate_card_id as rate_card_ref,
    l.included_hours,
    l.overage_rate
from lines as l
