-- Each services deal as it was known at a reporting point: its win that was still in force, and the first
-- activation of one of its projects that counts.
with points as (
    select * from {{ ref('reporting_points') }}
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
        o.opportunity_key,
        min(case when s.enters_won then s.occurred_at end) as first_won_at,
        max(case when s.enters_won then s.occurred_at end) as last_won_at,
        max(case when s.leaves_won then s.occurred_at end) as last_reopened_at
    from points as p
    inner join opportunities as o on p.legal_entity_code = o.legal_entity_code
    inner join stages as s on o.opportunity_key = s.opportunity_key and s.occurred_at <= p.knowledge_at
    group by p.reporting_point_key, o.opportunity_key
),

won as (
    select
        reporting_point_key,
        opportunity_key,
        first_won_at,
        last_won_at as effective_won_at
    from known_stages
    where last_won_at is not null and (last_reopened_at is null or last_won_at > last_reopened_at)
),

activated as (
    select
        w.reporting_point_key,
        w.opportunity_key,
        min(a.activated_at) as first_activated_at,
        min(case when a.activated_at >= w.effective_won_at then a.activated_at end) as activated_after_at
    from won as w
    inner join points as p on w.reporting_point_key = p.reporting_point_key
    inner join activations as a
        on w.opportunity_key = a.opportunity_key
        and a.activated_at <= p.knowledge_at
    group by w.reporting_point_key, w.opportunity_key
)

select
    w.reporting_point_key,
    w.opportunity_key,
    w.first_won_at,
    w.effective_won_at,
    a.first_activated_at,
    case
        when a.activated_after_at is not null then a.activated_after_at
        -- A reopened deal whose project stayed active needs no new one: the second win costs no day.
        when a.first_activated_at >= w.first_won_at then w.effective_won_at
    end as counted_activated_at,
    case
        when a.activated_after_at is not null or a.first_activated_at >= w.first_won_at then 'completed'
        when a.first_activated_at is not null then 'started_before_win'
        else 'open'
    end as outcome
from won as w
left join activated as a
    on w.reporting_point_key = a.reporting_point_key
    and w.opportunity_key = a.opportunity_key
