-- What each day of service earned, for the rules that look at a whole line: value up to the cap, share of completion,
-- accepted milestones, overage of a month. Bills consume the oldest layers first.
with terms as (
    select * from {{ ref('int_wip_terms_at_point') }}
    where wip_rule in ('capped', 'completion', 'acceptance', 'overage')
),

totals as (
    select * from {{ ref('int_wip_total_at_point') }}
),

movements as (
    select * from {{ ref('int_wip_movement_by_day') }}
    where leg in ('worked', 'accepted')
),

days as (
    select
        t.reporting_point_key,
        t.billing_unit_key,
        case
            when t.wip_rule <> 'overage' then m.effective_date
            when {{ dbt.last_day('m.effective_date', 'month') }} > t.as_of then t.as_of
            else {{ dbt.last_day('m.effective_date', 'month') }}
        end as service_date,
        sum(m.hours) as hours,
        sum(m.amount) as amount
    from terms as t
    inner join movements as m
        on t.billing_unit_key = m.billing_unit_key
        and m.effective_date <= t.as_of
        and m.known_at <= t.knowledge_at
        and (m.leg = 'accepted') = (t.wip_rule = 'acceptance')
    group by 1, 2, 3
),

cumulated as (
    select
        t.reporting_point_key,
        t.billing_unit_key,
        t.wip_rule,
        t.cap_amount,
        t.planned_hours,
        t.price_amount,
        d.service_date,
        sum(d.hours) over (
            partition by d.reporting_point_key, d.billing_unit_key order by d.service_date
            rows between unbounded preceding and current row
        ) as hours,
        sum(
            case
                when t.wip_rule <> 'overage' then d.amount
                when d.hours > coalesce(t.included_hours, 0)
                    then (d.hours - coalesce(t.included_hours, 0)) * coalesce(t.overage_rate, 0)
                else 0
            end
        ) over (
            partition by d.reporting_point_key, d.billing_unit_key order by d.service_date
            rows between unbounded preceding and current row
        ) as amount
    from days as d
    inner join terms as t
        on d.reporting_point_key = t.reporting_point_key
        and d.billing_unit_key = t.billing_unit_key
),

earned as (
    select
        reporting_point_key,
        billing_unit_key,
        service_date,
        cast(case
            when wip_rule = 'capped' then least(amount, cap_amount)
            when wip_rule <> 'completion' then amount
            when coalesce(planned_hours, 0) <= 0 then 0
            when hours >= planned_hours then price_amount
            else cast(hours as double) / cast(planned_hours as double) * cast(price_amount as double)
        end as decimal(28, 10)) as earned_amount
    from cumulated
),

-- A correction that takes back hours shrinks the layers before it, so the layers always add up to the total.
layers as (
    select
        reporting_point_key,
        billing_unit_key,
        service_date,
        min(earned_amount) over (
            partition by reporting_point_key, billing_unit_key order by service_date
            rows between current row and unbounded following
        ) as earned_to_amount
    from earned
)

select
    l.reporting_point_key,
    l.billing_unit_key,
    l.service_date,
    t.billed_amount,
    l.earned_to_amount,
    lag(l.earned_to_amount, 1, cast(0 as decimal(28, 10))) over (
        partition by l.reporting_point_key, l.billing_unit_key order by l.service_date
    ) as earned_from_amount
from layers as l
inner join totals as t
    on l.reporting_point_key = t.reporting_point_key
    and l.billing_unit_key = t.billing_unit_key
