-- The one table of numbers. Values are unrounded; a page rounds what it shows.
with points as (
    select * from {{ ref('reporting_points') }}
),

entity_values as (
    select * from {{ ref('int_kpi_value__unbilled_wip') }}
    union all
    select * from {{ ref('int_kpi_value__billing_latency') }}
    union all
    select * from {{ ref('int_kpi_value__cycle_time') }}
),

excluded_by_rule as (
    select
        measure,
        coalesce(legal_entity_code, 'all') as legal_entity_code,
        rule,
        count(*) as n,
        sum(amount) as amount
    from {{ ref('int_excluded_row') }}
    group by measure, coalesce(legal_entity_code, 'all'), rule
),

excluded as (
    select
        measure,
        legal_entity_code,
        sum(n) as n,
        sum(amount) as amount,
        {{ ordered_list("rule || ':' || cast(n as " ~ dbt.type_string() ~ ")", ';') }} as reasons
    from excluded_by_rule
    group by measure, legal_entity_code
),

placed as (
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
    from entity_values as v
    inner join points as p on v.reporting_point_key = p.reporting_point_key
    union all
    -- The group: what the entities told in one currency, or counted.
    select
        v.measure,
        p.period,
        p.basis,
        max(p.as_of),
        max(p.knowledge_at),
        'all',
        v.currency,
        v.dimension,
        v.dimension_value,
        case when count(v.numerator) = count(*) then sum(v.numerator) end,
        null,
        sum(v.n),
        sum(v.n_excluded),
        {{ ordered_list('v.excluded_reasons', ';') }},
        case when count(v.value) = count(*) then sum(v.value) end,
        v.unit,
        max(case when p.is_provisional then 1 else 0 end) = 1
    from entity_values as v
    inner join points as p on v.reporting_point_key = p.reporting_point_key
    where v.measure like '%_group_%' or (v.unit = 'count' and v.dimension = 'none')
    group by v.measure, p.period, p.basis, v.currency, v.dimension, v.dimension_value, v.unit
)

select
    v.measure,
    v.period,
    v.basis,
    v.as_of,
    v.knowledge_at,
    v.legal_entity_code,
    v.currency,
    v.dimension,
    v.dimension_value,
    cast(v.numerator as decimal(28, 10)) as numerator,
    cast(v.denominator as decimal(28, 10)) as denominator,
    cast(v.n as bigint) as n,
    cast(v.n_excluded + coalesce(x.n, 0) as bigint) as n_excluded,
    cast(x.amount as decimal(18, 4)) as excluded_amount,
    case
        when v.excluded_reasons is not null and x.reasons is not null then v.excluded_reasons || ';' || x.reasons
        else coalesce(v.excluded_reasons, x.reasons)
    end as excluded_reasons,
    cast(v.value as decimal(28, 10)) as value,
    v.unit,
    v.is_provisional
from placed as v
left join excluded as x
    on replace(v.measure, '_group_{{ var("group_currency") | lower }}', '') = x.measure
    and v.legal_entity_code = x.legal_entity_code
    and v.dimension in ('none', 'weighting', 'statistic')
