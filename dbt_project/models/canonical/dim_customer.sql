{%- set attributes = [
    'name', 'legal_name', 'tax_registration_id', 'country', 'industry', 'domain', 'account_owner', 'credit_hold',
    'currency'
] -%}
with customers as (
    {{ union_mapped('customer', ['salesforce', 'netsuite', 'kantata', 'tryton']) }}
),

xref as (
    select * from {{ ref('xref_customer') }}
),

members as (
    select
        c.*,
        x.customer_sk,
        x.customer_key,
        x.is_survivor,
        p.customer_key as parent_customer_key
    from customers as c
    inner join xref as x
        on c.source_system = x.source_system
        and c.source_instance = x.source_instance
        and c.source_id = x.source_id
    left join xref as p
        on c.source_system = p.source_system
        and c.source_instance = p.source_instance
        and c.parent_source_id = p.source_id
),

{{ survivorship('customer', 'members', 'customer_key', attributes) }},

bounds as (
    select
        customer_key,
        count(*) as n_records,
        {{ ordered_list('source_system', ',') }} as source_systems,
        max(parent_customer_key) as parent_customer_key,
        min(created_at) as created_at,
        max(source_changed_at) as source_changed_at,
        max(seen_at) as seen_at,
        min(case when is_deleted then 1 else 0 end) as all_deleted
    from members
    group by customer_key
)

select
    b.customer_key,
    r.customer_sk,
    g.name,
    g.legal_name,
    case when b.parent_customer_key <> b.customer_key then b.parent_customer_key end as parent_customer_key,
    g.tax_registration_id,
    g.country,
    g.industry,
    g.domain,
    g.account_owner,
    coalesce(cast(g.credit_hold as boolean), false) as credit_hold,
    g.currency as default_currency,
    case when b.all_deleted = 1 then 'inactive' else 'active' end as status,
    cast(b.n_records as integer) as n_records,
    b.source_systems,
    r.source_system,
    r.source_instance,
    r.source_id,
    r.source_url,
    b.created_at,
    b.source_changed_at,
    b.seen_at,
    b.all_deleted = 1 as is_deleted,
    r.record_hash
from bounds as b
inner join xref as r on b.customer_key = r.customer_sk
left join golden as g on b.customer_key = g.customer_key
