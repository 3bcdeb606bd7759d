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
    select sla_seconds from {{ ref('sla') }}
    where event = 'project_activated'
),

dated as (
    select
        w.reporting_point_key,
        p.period,
        p.basis,
        p.as_of,
        p.knowledge_at,
        p.is_provisional,
        p.legal_entity_code,
        w.opportunity_key,
        o.name as opportunity_name,
        o.customer_key,
        o.service_line,
        o.amount,
        o.currency,
        w.first_won_at,
        w.effective_won_at,
        w.counted_activated_at as activated_at,
        w.horizon,
        case when o.is_services then w.outcome else 'not_services' end as outcome,
        s.sla_seconds,
        {{ seconds_between('w.effective_won_at', 'w.counted_activated_at') }} as cycle_seconds,
        {{ seconds_between('w.effective_won_at', 'w.horizon_at') }} as open_seconds,
        {{ utc_to_local_date('w.effective_won_at', 'p.time_zone') }} as won_date,
        {{
            utc_to_local_date('coalesce(w.counted_activated_at, w.first_activated_at)', 'p.time_zone')
        }} as activated_date
    from won as w
    inner join points as p on w.reporting_point_key = p.reporting_point_key
    inner join opportunities as o on w.opportunity_key = o.opportunity_key
    cross join sla as s
),

-- A deal belongs to the month of its activation, and to each month that ends with it open.
placed as (
    select *
    from dated
    where (outcome = 'open' and horizon = 'as_of')
        or (
            horizon = 'knowledge'
            and outcome in ('completed', 'started_before_win')
            and {{ period_of('activated_date') }} = period
        )
        or (horizon = 'knowledge' and outcome = 'not_services' and {{ period_of('won_date') }} = period)
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
    activated_at,
    outcome,
    case when outcome = 'completed' then cast(cycle_seconds / 86400 as decimal(18, 10)) end as cycle_days,
    case when outcome = 'open' then cast(open_seconds / 86400 as decimal(18, 10)) end as open_days,
    outcome = 'completed' and cycle_seconds <= sla_seconds as is_in_sla,
    outcome = 'completed' or (outcome = 'open' and open_seconds > sla_seconds) as counts_for_sla
from placed
