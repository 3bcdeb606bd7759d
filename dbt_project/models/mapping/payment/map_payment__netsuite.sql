{{ config(enabled='netsuite' in var('systems')) }}
-- Money applied to invoices. A credit memo is applied by the same kind of link, but it is no payment.
with applications as (
    select * from {{ ref('stg_netsuite__applications') }}
    where is_current and applied_type = 'CustPymt'
),

payments as (
    select * from {{ ref('stg_netsuite__transactions') }}
    where is_current and transaction_type = 'CustPymt'
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    a.source_system,
    a.source_instance,
    a.source_id,
    a.source_changed_at,
    a.seen_at,
    a.is_deleted or p.is_deleted as is_deleted,
    a.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    a.applied_to_transaction_id as invoice_source_id,
    p.customer_id as customer_source_id,
    u.currency,
    a.amount,
    p.transaction_date as received_date,
    a.applied_at
from applications as a
inner join payments as p on a.applied_transaction_id = p.transaction_id and a.source_instance = p.source_instance
left join currencies as u on p.currency_id = u.currency_id and p.source_instance = u.source_instance
