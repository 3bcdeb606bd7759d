{{ config(enabled='netsuite' in var('systems')) }}
with relationships as (
    select * from {{ ref('stg_netsuite__customer_subsidiaries') }}
    where is_current
),

customers as (
    select * from {{ ref('stg_netsuite__customers') }}
    where is_current
),

terms as (
    select * from {{ ref('stg_netsuite__terms') }}
    where is_current
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    r.source_system,
    r.source_instance,
    r.source_id,
    r.source_changed_at,
    r.seen_at,
    r.is_deleted,
    r.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    r.customer_id as customer_source_id,
    r.subsidiary_id as legal_entity_source_id,
    t.name as payment_terms,
    t.net_days as payment_terms_days,
    u.currency
from relationships as r
left join customers as c on r.customer_id = c.customer_id and r.source_instance = c.source_instance
left join terms as t on c.term_id = t.term_id and c.source_instance = t.source_instance
left join currencies as u
    on coalesce(r.currency_id, c.currency_id) = u.currency_id
    and r.source_instance = u.source_instance
