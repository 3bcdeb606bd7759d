-- Each billing unit's totals at a reporting point: approved value and hours, accepted milestones, bills, and the
-- value that waits for approval.
with terms as (
    select * from {{ ref('int_wip_terms_at_point') }}
),

movements as (
    select * from {{ ref('int_wip_movement_by_day') }}
)

select
    t.reporting_point_key,
    t.billing_unit_key,
    t.wip_rule,
    cast(sum(case when m.leg = 'worked' then m.hours else 0 end) as decimal(18, 4)) as approved_hours,
    cast(sum(case when m.leg = 'worked' then m.amount else 0 end) as decimal(28, 10)) as worked_amount,
    cast(sum(case when m.leg = 'accepted' then m.amount else 0 end) as decimal(28, 10)) as accepted_amount,
    cast(sum(case when m.leg = 'unapproved' then m.amount else 0 end) as decimal(28, 10)) as unapproved_amount,
    cast(sum(case
        when m.leg <> 'billed' then 0
        when t.wip_rule = 'by_entry' and not m.names_entry then 0
        when t.wip_rule = 'overage' and not m.is_overage then 0
        else -m.amount
    end) as decimal(28, 10)) as billed_amount
from terms as t
inner join movements as m
    on t.billing_unit_key = m.billing_unit_key
    and m.effective_date <= t.as_of
    and m.known_at <= t.knowledge_at
group by t.reporting_point_key, t.billing_unit_key, t.wip_rule
