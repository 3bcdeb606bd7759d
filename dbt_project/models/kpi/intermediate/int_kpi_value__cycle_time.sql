with points as (
    select * from {{ ref('reporting_points') }}
),

deals as (
    select * from {{ ref('kpi_quote_to_project_cycle_time') }}
),

projects as (
    select * from {{ ref('dim_project') }}
    where is_orphan and not is_deleted
),

completed as (
    select
        reporting_point_key,
        cycle_days,
        row_number() over (partition by reporting_point_key order by cycle_days) as rank_no,
        count(*) over (partition by reporting_point_key) as n
    from deals
    where outcome = 'completed'
),

not_services as (
    select
        reporting_point_key,
        count(*) as n_excluded
    from deals
    where outcome = 'not_services'
    group by reporting_point_key
),

-- The median of an even number lies between the two middle ones; p90 is the nearest rank.
statistics as (
    select
        reporting_point_key,
        'mean' as statistic,
        sum(cycle_days) as numerator,
        max(n) as n,
        cast(sum(cycle_days) as double) / max(n) as value
    from completed
    group by reporting_point_key
    union all
    select
        reporting_point_key,
        'median',
        null,
        max(n),
        cast(avg(case when rank_no in (floor((n + 1) / 2.0), ceil((n + 1) / 2.0)) then cycle_days end) as double)
    from completed
    group by reporting_point_key
    union all
    select
        reporting_point_key,
        'p90',
        null,
        max(n),
        cast(max(case when rank_no = ceil(0.9 * n) then cycle_days end) as double)
    from completed
    group by reporting_point_key
),

-- Nothing in a month is zero, not silence.
counts as (
    select
        p.reporting_point_key,
        sum(case when d.is_in_sla then 1 else 0 end) as n_in_sla,
        sum(case when d.counts_for_sla then 1 else 0 end) as n_for_sla,
        sum(case when d.outcome = 'open' then 1 else 0 end) as n_open,
        max(case when d.outcome = 'open' then d.open_days end) as oldest_days,
        sum(case when d.outcome = 'started_before_win' then 1 else 0 end) as n_before_win
    from points as p
    left join deals as d on p.reporting_point_key = d.reporting_point_key
    group by p.reporting_point_key
),

orphans as (
    select
        p.reporting_point_key,
        sum(case when o.project_key is not null then 1 else 0 end) as n_orphans
    from points as p
    left join projects as o
        on p.legal_entity_code = o.legal_entity_code
        and o.created_at <= p.as_of_ends_at
        and o.created_at <= p.knowledge_at
    group by p.reporting_point_key
),

told as (
    select
        reporting_point_key,
        'quote_to_project_days' as measure,
        'statistic' as dimension,
        statistic as dimension_value,
        numerator,
        cast(n as double) as denominator,
        n,
        value,
        'days' as unit
    from statistics
    union all
    select
        reporting_point_key,
        'quote_to_project_sla_pct',
        'none',
        'all',
        n_in_sla,
        n_for_sla,
        n_for_sla,
        cast(n_in_sla as double) / nullif(n_for_sla, 0),
        'ratio'
    from counts
    union all
    select
        reporting_point_key,
        'won_without_project',
        'none',
        'all',
        n_open,
        null,
        n_open,
        n_open,
        'count'
    from counts
    union all
    select
        reporting_point_key,
        'won_without_project',
        'statistic',
        'oldest_age_days',
        oldest_days,
        null,
        n_open,
        oldest_days,
        'days'
    from counts
    where n_open > 0
    union all
    select
        reporting_point_key,
        'started_before_win',
        'none',
        'all',
        n_before_win,
        null,
        n_before_win,
        n_before_win,
        'count'
    from counts
    union all
    select
        reporting_point_key,
        'orphan_projects',
        'none',
        'all',
        n_orphans,
        null,
        n_orphans,
        n_orphans,
        'count'
    from orphans
)

select
    t.measure,
    t.reporting_point_key,
    cast(null as {{ dbt.type_string() }}) as currency,
    t.dimension,
    t.dimension_value,
    cast(t.numerator as decimal(28, 10)) as numerator,
    cast(t.denominator as decimal(28, 10)) as denominator,
    cast(t.n as bigint) as n,
    cast(coalesce(x.n_excluded, 0) as bigint) as n_excluded,
    case
        when x.n_excluded > 0 then 'not_services:' || cast(x.n_excluded as {{ dbt.type_string() }})
    end as excluded_reasons,
    cast(t.value as decimal(28, 10)) as value,
    t.unit
from told as t
left join not_services as x on t.reporting_point_key = x.reporting_point_key and t.measure = 'quote_to_project_days'
