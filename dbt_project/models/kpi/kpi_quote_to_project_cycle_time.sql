with points as (
    select * from {{ ref('reporting_points') }}
),

won as (
    select * from {{ ref('int_won_at_point') }}
),

opportunities as (
    select * from {{ ref('dim_opportunity') }}
),

sla as (
    select sla_seconds from {{ ref('sla') }} where event = 'project_activated'
),

dated as (
    select
        p.*,
        w.opportunity_key,
        w.first_won_at,
        w.effective_won_at,
        w.first_activated_at,
        w.counted_activated_at,
        case when o.is_services then w.outcome else 'not_services' end as outcome,
        o.customer_key,
        o.name as opportunity_name,
        o.service_line,
        o.amount,
        o.currency,
        {{ utc_to_local_date('coalesce(w.counted_activated_at, w.first_activated_at)', 'p.time_zone') }} as activated_date,
        {{ utc_to_local_date('w.effective_won_at', 'p.time_zone') }} as won_date,
        case when p.knowledge_at < p.as_of_ends_at then p.knowledge_at else p.as_of_ends_at end as aged_at,
        s.sla_seconds
    from won as w
    inner join points as p on w.reporting_point_key = p.reporting_point_key
    inner join opportunities as o on w.opportunity_key = o.opportunity_key
    cross join sla as s
),

-- A deal belongs to the month of its activation; while it is open, to each month that ends with it open. A project
-- that was activated after the point's end was still open then.
placed as (
    select
        *,
        case
            when outcome = 'completed' and counted_activated_at >= as_of_ends_at then 'open'
            else outcome
        end as outcome_at_point,
        {{ seconds_between('effective_won_at', 'counted_activated_at') }} as cycle_seconds,
        {{ seconds_between('effective_won_at', 'aged_at') }} as age_seconds
    from dated
    where effective_won_at < as_of_ends_at
)

select
    reporting_point_key,
    period,
    basis,
    as_of,
    knowledge_at,
    is_provisional,
    legal_entity_code,
    opportunity_key,
    opportunity_name,
    customer_key,
    service_line,
    amount,
    currency,
    first_won_at,
    effective_won_at,
    first_activated_at,
    counted_activated_at as activated_at,
    outcome_at_point as outcome,
    case
        when outcome_at_point = 'completed' then {{ period_of('activated_date') }} = period
        when outcome_at_point in ('started_before_win') then {{ period_of('activated_date') }} = period
        when outcome_at_point = 'not_services' then {{ period_of('won_date') }} = period
        else true
    end as is_in_period,
    case when outcome_at_point = 'completed' then cast(cycle_seconds / 86400 as decimal(18, 10)) end as cycle_days,
    case when outcome_at_point = 'open' then cast(age_seconds / 86400 as decimal(18, 10)) end as open_days,
    outcome_at_point = 'completed' and cycle_seconds <= sla_seconds as is_in_sla,
    outcome_at_point = 'completed'
    or (outcome_at_point = 'open' and age_seconds > sla_seconds) as counts_for_sla
from placed
