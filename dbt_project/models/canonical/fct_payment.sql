with payments as (
    {{ union_mapped('payment', ['netsuite', 'tryton']) }}
),

invoices as (
    select * from {{ ref('fct_invoice') }}
),

customers as (
    select * from {{ ref('xref_customer') }}
)

select
    {{ row_key(alias='p') }} as payment_sk,
    {{ row_key(alias='p') }} as payment_key,
    i.invoice_key,
    c.customer_key,
    i.legal_entity_code,
    p.currency,
    p.amount,
    p.received_date,
    p.applied_at,
    p.source_system,
    p.source_instance,
    p.source_id,
    p.source_url,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    p.record_hash
from payments as p
left join invoices as i on {{ row_key('invoice_source_id', 'p') }} = i.invoice_key
left join customers as c
    on p.source_system = c.source_system
    and p.source_instance = c.source_instance
    and p.customer_source_id = c.source_id
