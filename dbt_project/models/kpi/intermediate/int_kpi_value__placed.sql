-- Every value with its place: period, basis and legal entity; and the group, for what the entities told in one
-- currency, or counted, or weighted by something that has no currency.
with points as (
    select * from {{ ref('reporting_points') }}
),

told as (
    select * from {{ ref('int_kpi_value__unbilled_wip') }}
    union all
    select * from {{ ref('int_kpi_value__billing_latency') }}
    union all
    select * from {{ ref('int_kpi_value__cycle_time') }}
),

entities as (
    select
        v.measure,
        p.period,
        p.basis,
        p.as_of,
        p.knowledge_at,
        p.legal_entity_code,
        v.currency,
        v.dimension,
        v.dimension_value,
        v.numerator,
        v.denominator,
        v.n,
        v.n_excluded,
        v.excluded_reasons,
        v.value,
        v.unit,
        p.is_provisional
    from told as v
    inner join points as p on v.reporting_point_key = p.reporting_point_key
),

summed as (
    select
        measure,
        period,
        basis,
        max(as_of) as as_of,
        max(knowledge_at) as knowledge_at,
        currency,
        dimension,
        dimension_value,
        case when count(numerator) = count(*) then sum(numerator) end as numerator,
        sum(denominator) as denominator,
        sum(n) as n,
        sum(n_excluded) as n_excluded,
        {{ ordered_list("legal_entity_code || ' ' || excluded_reasons", ';') }} as excluded_reasons,
        unit,
        max(case when is_provisional then 1 else 0 end) = 1 as is_provisional
    from entities
    where measure like '%_group_%'
        or unit in ('count', 'ratio')
        or (unit = 'days' and dimension_value in ('mean', 'hours', 'count'))
    group by measure, period, basis, currency, dimension, dimension_value, unit
)

select * from entities
union all
select
    measure,
    period,
    basis,
    as_of,
    knowledge_at,
    'all' as legal_entity_code,
    currency,
    dimension,
    dimension_value,
    cast(numerator as decimal(28, 10)) as numerator,
    cast(denominator as decimal(28, 10)) as denominator,
    cast(n as bigint) as n,
    cast(n_excluded as bigint) as n_excluded,
    excluded_reasons,
    case
        when denominator is null then cast(numerator as decimal(28, 10))
        when denominator <> 0
            then cast(cast(numerator as double) / cast(denominator as double) as decimal(28, 10))
    end as value,
    unit,
    is_provisional
from summed
