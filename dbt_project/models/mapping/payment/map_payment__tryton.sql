{{ config(enabled='tryton' in var('systems')) }}
-- A ledger line that Tryton counts as payment of an invoice. What a credit memo settles is no payment.
with invoices as (
    select * from {{ ref('stg_tryton__invoices') }}
    where is_current and not is_deleted and type = 'out'
),

ledger as (
    select * from {{ ref('stg_tryton__move_lines') }}
    where is_current and not is_deleted
)

select
    cast(m.source_system as varchar) as source_system,
    cast(m.source_instance as varchar) as source_instance,
    cast(i.source_id || ':' || m.source_id as varchar) as source_id,
    m.source_changed_at,
    m.seen_at,
    m.is_deleted,
    cast(m.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    i.source_id as invoice_source_id,
    i.party_id as customer_source_id,
    i.currency,
    cast(m.credit - m.debit as decimal(18, 4)) as amount,
    m.move_date as received_date,
    m.created_at as applied_at
from invoices as i
inner join ledger as m
    on i.source_instance = m.source_instance and i.payment_line_ids like '%,' || m.source_id || ',%'
