with billing_accounts as (
    {{ union_mapped('billing_account', ['netsuite', 'tryton']) }}
),

customers as (
    select * from {{ ref('xref_customer') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
)

select
    {{ row_key(alias='b') }} as billing_account_sk,
    {{ row_key(alias='b') }} as billing_account_key,
    c.customer_key,
    e.legal_entity_key,
    e.legal_entity_code,
    c.source_id as erp_customer_id,
    b.payment_terms,
    b.payment_terms_days,
    b.currency,
    b.source_system,
    b.source_instance,
    b.source_id,
    b.source_url,
    b.source_changed_at,
    b.seen_at,
    b.is_deleted,
    b.record_hash
from billing_accounts as b
left join customers as c
    on b.source_system = c.source_system
    and b.source_instance = c.source_instance
    and b.customer_source_id = c.source_id
left join legal_entities as e
    on b.source_system = e.source_system
    and b.source_instance = e.source_instance
    and b.legal_entity_source_id = e.source_id
