-- Which source rows are one party. A row has at most one parent, by the first rule that names one; a name alone
-- never joins: it only names a candidate for a person to look at. Links go to the senior row, so they form a forest.
with customers as (
    {{ union_mapped('customer', ['salesforce', 'netsuite', 'kantata', 'tryton']) }}
),

candidates as (
    select * from {{ ref('xref_customer_candidate') }}
),

members as (
    select
        {{ row_key() }} as customer_sk,
        *
    from customers
),

chosen as (
    select *
    from candidates
    where choice_no = 1 and match_rule <> 'name_only'
),

parents as (
    select
        m.customer_sk,
        coalesce(c.parent_sk, m.customer_sk) as customer_key
    from members as m
    left join chosen as c on m.customer_sk = c.customer_sk
),

{{ follow_links('links', 'select * from parents', 'customer_sk', 'customer_key') }},

reviews as (
    select
        c.customer_sk,
        min(p.customer_key) as review_candidate_key
    from candidates as c
    inner join links_3 as own on c.customer_sk = own.customer_sk
    inner join links_3 as p on c.parent_sk = p.customer_sk
    where c.match_rule = 'name_only' and own.customer_key <> p.customer_key
    group by c.customer_sk
)

select
    m.customer_sk,
    l.customer_key,
    coalesce(c.match_rule, 'own_record') as match_rule,
    coalesce(c.match_score, cast(1 as decimal(5, 4))) as match_score,
    coalesce(c.match_evidence, 'no senior record matches') as match_evidence,
    case when c.match_rule = 'merged_at_source' then m.source_system else 'rule' end as decided_by,
    r.review_candidate_key,
    coalesce(c.match_rule, '') <> 'merged_at_source' as is_survivor,
    m.name as record_name,
    m.currency as record_currency,
    m.external_ref,
    m.source_system,
    m.source_instance,
    m.source_id,
    m.source_system || ':' || m.source_id as source_ref,
    m.source_url,
    m.is_deleted,
    m.record_hash
from members as m
inner join links_3 as l on m.customer_sk = l.customer_sk
left join chosen as c on m.customer_sk = c.customer_sk
left join reviews as r on m.customer_sk = r.customer_sk
