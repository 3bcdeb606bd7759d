-- What the gates keep out of each measure, by legal entity and for the group, which counts every row. Money is told
-- only where all of it is in one currency.
with excluded as (
    select
        measure,
        legal_entity_code,
        rule,
        amount,
        currency
    from {{ ref('int_excluded_row') }}
    where legal_entity_code is not null
    union all
    select
        measure,
        'all' as legal_entity_code,
        rule,
        amount,
        currency
    from {{ ref('int_excluded_row') }}
),

by_rule as (
    select
        measure,
        legal_entity_code,
        rule || ':' || cast(count(*) as {{ dbt.type_string() }}) as reason
    from excluded
    group by measure, legal_entity_code, rule
),

reasons as (
    select
        measure,
        legal_entity_code,
        {{ ordered_list('reason', ';') }} as excluded_reasons
    from by_rule
    group by measure, legal_entity_code
),

sums as (
    select
        measure,
        legal_entity_code,
        count(*) as n_excluded,
        case when count(distinct currency) = 1 then sum(amount) end as excluded_amount
    from excluded
    group by measure, legal_entity_code
)

select
    s.measure,
    s.legal_entity_code,
    cast(s.n_excluded as bigint) as n_excluded,
    cast(s.excluded_amount as decimal(18, 4)) as excluded_amount,
    r.excluded_reasons
from sums as s
inner join reasons as r on s.measure = r.measure and s.legal_entity_code = r.legal_entity_code
