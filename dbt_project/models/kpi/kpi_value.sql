-- The one table of numbers. Values are unrounded; a page rounds what it shows.
with placed as (
    select * from {{ ref('int_kpi_value__placed') }}
),

excluded as (
    select * from {{ ref('int_excluded_by_measure') }}
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
    v.numerator,
    v.denominator,
    v.n,
    cast(v.n_excluded + coalesce(x.n_excluded, 0) as bigint) as n_excluded,
    x.excluded_amount,
    case
        when v.excluded_reasons is not null and x.excluded_reasons is not null
            then v.excluded_reasons || ';' || x.excluded_reasons
        else coalesce(v.excluded_reasons, x.excluded_reasons)
    end as excluded_reasons,
    v.value,
    v.unit,
    v.is_provisional
from placed as v
left join excluded as x
    on replace(v.measure, '_group_{{ var("group_currency") | lower }}', '') = x.measure
    and v.legal_entity_code = x.legal_entity_code
    and v.dimension in ('none', 'weighting', 'statistic')
