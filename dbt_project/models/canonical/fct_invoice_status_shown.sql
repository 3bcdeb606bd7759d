{{ config(enabled='salesforce' in var('systems')) }}
with statuses as (
    {{ union_mapped('invoice_status', ['salesforce']) }}
)

select
    {{ row_key() }} as invoice_status_shown_sk,
    invoice_key_text,
    invoice_number,
    opportunity_source_id,
    account_source_id,
    status,
    net_amount,
    gross_amount,
    open_amount,
    currency,
    invoice_date,
    due_date,
    posted_at,
    last_payment_date,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    is_deleted,
    record_hash
from statuses
