{{ config(enabled='salesforce' in var('systems')) }}
with statuses as (
    select * from {{ ref('stg_salesforce__invoice_statuses') }}
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
    s.invoice_key_text,
    s.invoice_number,
    s.opportunity_id as opportunity_source_id,
    s.account_id as account_source_id,
    s.status,
    s.net_amount,
    s.gross_amount,
    s.open_amount,
    s.currency,
    s.invoice_date,
    s.due_date,
    s.posted_at,
    s.last_payment_date
from statuses as s
