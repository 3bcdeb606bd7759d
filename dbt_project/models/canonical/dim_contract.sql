with contracts as (
    {{ union_mapped('contract', ['salesforce', 'tryton']) }}
),

opportunities as (
    select * from {{ ref('dim_opportunity') }}
),

customers as (
    select * from {{ ref('xref_customer') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
),

-- A customer has one account an entity; where a system holds more, the first one bills.
billing_accounts as (
    select
        customer_key,
        legal_entity_key,
        min(billing_account_key) as billing_account_key
    from {{ ref('dim_billing_account') }}
    where not is_deleted
    group by customer_key, legal_entity_key
)

select
    {{ row_key(alias='k') }} as contract_sk,
    {{ row_key(alias='k') }} as contract_key,
    k.number as contract_number,
    o.opportunity_key,
    c.customer_key,
    b.billing_account_key,
    e.legal_entity_key,
    k.legal_entity_code,
    k.currency,
    k.status,
    k.signed_at,
    k.start_date,
    k.end_date,
    k.original_amount,
    k.source_system,
    k.source_instance,
    k.source_id,
    k.source_system || ':' || k.source_id as source_ref,
    k.source_url,
    k.source_changed_at,
    k.seen_at,
    k.is_deleted,
    k.record_hash
from contracts as k
left join opportunities as o on {{ row_key('opportunity_source_id', 'k') }} = o.opportunity_key
left join customers as c
    on k.source_system = c.source_system
    and k.source_instance = c.source_instance
    and k.customer_source_id = c.source_id
left join legal_entities as e on k.legal_entity_code = e.legal_entity_code
left join billing_accounts as b on c.customer_key = b.customer_key and e.legal_entity_key = b.legal_entity_key
