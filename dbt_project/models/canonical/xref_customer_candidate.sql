-- Every reason why two customer rows may be one party, in the order in which reasons count.
with customers as (
    {{ union_mapped('customer', ['salesforce', 'netsuite', 'kantata', 'tryton']) }}
),

precedence as (
    select
        system,
        min(precedence) as precedence
    from {{ ref('system_roles') }}
    group by system
),

members as (
    select
        {{ row_key(alias='c') }} as customer_sk,
        {{ row_key('merged_into_source_id', 'c') }} as merged_into_sk,
        c.source_system || ':' || c.source_id as source_ref,
        c.external_ref,
        nullif(trim(c.tax_registration_id), '') as tax_registration_id,
        c.country,
        lower(c.domain) as domain,
        {{ normalised_name('coalesce(c.legal_name, c.name)') }} as normalised_name,
        row_number() over (
            order by
                p.precedence, c.is_deleted, case when c.created_at is null then 1 else 0 end, c.created_at,
                c.source_system, c.source_instance, c.source_id
        ) as seniority
    from customers as c
    inner join precedence as p on c.source_system = p.system
),

mergers as (
    select
        customer_sk,
        coalesce(merged_into_sk, customer_sk) as survivor_sk
    from members
),

{{ follow_links('merged', 'select * from mergers', 'customer_sk', 'survivor_sk') }},

survivors as (
    select
        m.*,
        g.survivor_sk,
        s.seniority as survivor_seniority
    from members as m
    inner join merged_3 as g on m.customer_sk = g.customer_sk
    inner join members as s on g.survivor_sk = s.customer_sk
),

pairs as (
    select
        a.survivor_sk as left_sk,
        b.survivor_sk as right_sk,
        a.survivor_seniority as left_seniority,
        b.survivor_seniority as right_seniority,
        1 as rule_no,
        'stored_reference' as match_rule,
        cast(1 as decimal(5, 4)) as match_score,
        a.source_ref || ' stores ' || b.source_ref as match_evidence
    from survivors as a
    inner join survivors as b on a.external_ref = b.source_ref
    union all
    select
        a.survivor_sk,
        b.survivor_sk,
        a.survivor_seniority,
        b.survivor_seniority,
        3,
        'tax_id_and_country',
        cast(0.98 as decimal(5, 4)),
        'both have tax id ' || a.tax_registration_id || ' in ' || a.country
    from survivors as a
    inner join survivors as b on a.tax_registration_id = b.tax_registration_id and a.country = b.country
    union all
    select
        a.survivor_sk,
        b.survivor_sk,
        a.survivor_seniority,
        b.survivor_seniority,
        4,
        'domain_and_legal_name',
        cast(0.9 as decimal(5, 4)),
        'both have domain ' || a.domain || ' and name ' || a.normalised_name
    from survivors as a
    inner join survivors as b on a.domain = b.domain and a.normalised_name = b.normalised_name
    union all
    select
        a.survivor_sk,
        b.survivor_sk,
        a.survivor_seniority,
        b.survivor_seniority,
        5,
        'name_only',
        cast(0.5 as decimal(5, 4)),
        'both have name ' || a.normalised_name
    from survivors as a
    inner join survivors as b on a.normalised_name = b.normalised_name
),

directed as (
    select
        case when left_seniority > right_seniority then left_sk else right_sk end as customer_sk,
        case when left_seniority > right_seniority then right_sk else left_sk end as parent_sk,
        case when left_seniority > right_seniority then right_seniority else left_seniority end as parent_seniority,
        rule_no,
        match_rule,
        match_score,
        match_evidence
    from pairs
    where left_seniority <> right_seniority
    union all
    select
        customer_sk,
        survivor_sk,
        survivor_seniority,
        2,
        'merged_at_source',
        cast(1 as decimal(5, 4)),
        source_ref || ' was merged by its own system'
    from survivors
    where customer_sk <> survivor_sk
)

select
    customer_sk,
    parent_sk,
    rule_no,
    match_rule,
    match_score,
    min(match_evidence) as match_evidence,
    cast(row_number() over (
        partition by customer_sk order by rule_no, parent_seniority
    ) as integer) as choice_no
from directed
group by customer_sk, parent_sk, parent_seniority, rule_no, match_rule, match_score
