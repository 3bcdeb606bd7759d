{%- set stages = ['work_to_submit', 'submit_to_approve', 'approve_to_ready', 'ready_to_invoice', 'invoice_to_post'] -%}
with points as (
    select * from {{ ref('reporting_points') }}
),

items as (
    select * from {{ ref('kpi_billing_latency') }}
),

known as (
    select
        p.reporting_point_key,
        p.knowledge_at,
        i.*
    from points as p
    inner join items as i
        on p.legal_entity_code = i.legal_entity_code
        and p.period = i.period
        and i.posted_at <= p.knowledge_at
),

cohorts as (
    select
        *,
        'billing_latency_days' as measure
    from known
    where not is_rebill
    union all
    select
        *,
        'billing_latency_effective_days'
    from known
    where corrected_at is null or corrected_at > knowledge_at
),

excluded as (
    select
        reporting_point_key,
        measure,
        sum(n) as n_excluded,
        {{ ordered_list("excluded_reason || ':' || cast(n as " ~ dbt.type_string() ~ ")", ';') }} as excluded_reasons
    from (
        select
            reporting_point_key,
            measure,
            excluded_reason,
            count(*) as n
        from cohorts
        where not is_in_scope
        group by reporting_point_key, measure, excluded_reason
    ) as counted
    group by reporting_point_key, measure
),

weighted as (
    select
        reporting_point_key,
        measure,
        'weighting' as dimension,
        'amount' as dimension_value,
        sum(latency_days * net_amount) as numerator,
        sum(net_amount) as denominator,
        count(*) as n
    from cohorts
    where is_in_scope
    group by reporting_point_key, measure
    union all
    select
        reporting_point_key,
        measure,
        'weighting',
        'hours',
        sum(latency_days * hours),
        sum(hours),
        count(*)
    from cohorts
    where is_in_scope and line_type = 'time'
    group by reporting_point_key, measure
    union all
    select
        reporting_point_key,
        measure,
        'weighting',
        'count',
        sum(latency_days),
        count(*),
        count(*)
    from cohorts
    where is_in_scope
    group by reporting_point_key, measure
    {%- for stage in stages %}
    union all
    select
        reporting_point_key,
        measure,
        'stage',
        '{{ stage }}',
        sum({{ stage }}_days * net_amount),
        sum(net_amount),
        count(*)
    from cohorts
    where is_in_scope and line_type = 'time'
    group by reporting_point_key, measure
    {%- endfor %}
)

select
    w.measure,
    w.reporting_point_key,
    cast(null as {{ dbt.type_string() }}) as currency,
    w.dimension,
    w.dimension_value,
    cast(w.numerator as decimal(28, 10)) as numerator,
    cast(w.denominator as decimal(28, 10)) as denominator,
    cast(w.n as bigint) as n,
    cast(case when w.dimension = 'weighting' then coalesce(e.n_excluded, 0) else 0 end as bigint) as n_excluded,
    case when w.dimension = 'weighting' then e.excluded_reasons end as excluded_reasons,
    cast(cast(w.numerator as double) / cast(w.denominator as double) as decimal(28, 10)) as value,
    'days' as unit
from weighted as w
left join excluded as e on w.reporting_point_key = e.reporting_point_key and w.measure = e.measure
where w.denominator <> 0
