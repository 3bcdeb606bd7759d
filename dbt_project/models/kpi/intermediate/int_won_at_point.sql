-- Each deal as it was won and activated by a horizon of a reporting point: what was known (knowledge), for cycles that
-- were completed; and what had happened by the end of the day (as_of), for deals that still wait.
with points as (
    select
        reporting_point_key,
        legal_entity_code,
        'knowledge' as horizon,
        knowledge_at as horizon_at
    from {{ ref('reporting_points') }}
    union all
    select
        reporting_point_key,
        legal_entity_code,
        'as_of',
        case when knowledge_at < as_of_ends_at then knowledge_at else as_of_ends_at end
    from {{ ref('reporting_points') }}
),

opportunities as (
    select * from {{ ref('dim_opportunity') }}
    where not is_deleted
),

stages as (
    select * from {{ ref('evt_opportunity_stage') }}
),

activations as (
    select
        p.opportunity_key,
        s.occurred_at as activated_at
    from {{ ref('evt_project_status') }} as s
    inner join {{ ref('dim_project') }} as p on s.project_key = p.project_key
    where s.status = 'active' and p.opportunity_key is not null
),

known_stages as (
    select
        p.reporting_point_key,
        p.horizon,
        p.horizon_at,
        o.opportunity_key,
        min(case when s.enters_won then s.occurred_at end) as first_won_at,
        max(case when s.enters_won then s.occurred_at end) as effective_won_at,
        max(case when s.leaves_won then s.occurred_at end) as last_reopened_at
    from points as p
    inner join opportunities as o on p.legal_entity_code = o.legal_entity_code
    inner join stages as s on o.opportunity_key = s.opportunity_key and s.occurred_at <= p.horizon_at
    group by p.reporting_point_key, p.horizon, p.horizon_at, o.opportunity_key
),

won as (
    select *
    from known_stages
    where effective_won_at is not null and (last_reopened_at is null or effective_won_at > last_reopened_at)
),

activated as (
    select
        w.reporting_point_key,
        w.horizon,
        w.opportunity_key,
        min(a.activated_at) as first_activated_at,
        max(a.activated_at) as last_activated_at,
        min(case when a.activated_at >= w.effective_won_at then a.activated_at end) as activated_after_at
    from won as w
    inner join activations as a
        on w.opportunity_key = a.opportunity_key
        and a.activated_at <= w.horizon_at
    group by w.reporting_point_key, w.horizon, w.opportunity_key
)

select
    w.reporting_point_key,
    w.horizon,
    w.horizon_at,
    w.opportunity_key,
    w.first_won_at,
    w.effective_won_at,
    a.first_activated_at,
    case
        when a.activated_after_at is not null then a.activated_after_at
        -- A reopened deal whose project stayed active needs no new one: the second win costs no day.
        when a.last_activated_at >= w.first_won_at then w.effective_won_at
    end as counted_activated_at,
    case
        when a.activated_after_at is not null or a.last_activated_at >= w.first_won_at then 'completed'
        when a.first_activated_at is not null then 'started_before_win'
        else 'open'
    end as outcome
from won as w
left join activated as a
    on w.reporting_point_key = a.reporting_point_key
    and w.horizon = a.horizon
    and w.opportunity_key = a.opportunity_key
