-- Between two points of a billing unit that know the same, closing = opening + movements, for work and for bills.
with wip as (
    select * from {{ ref('kpi_unbilled_wip') }}
    where basis = 'restated'
),

ordered as (
    select
        billing_unit_key,
        wip_rule,
        knowledge_at,
        as_of as closing_date,
        worked_amount as closing_worked_amount,
        billed_amount as closing_billed_amount,
        lag(as_of) over (partition by billing_unit_key, knowledge_at, wip_rule order by as_of) as opening_date,
        lag(worked_amount) over (
            partition by billing_unit_key, knowledge_at, wip_rule order by as_of
        ) as opening_worked_amount,
        lag(billed_amount) over (
            partition by billing_unit_key, knowledge_at, wip_rule order by as_of
        ) as opening_billed_amount
    from wip
),

moved as (
    select
        o.billing_unit_key,
        o.closing_date,
        sum(case when m.leg = 'worked' then m.amount else 0 end) as worked_amount,
        sum(case
            when m.leg <> 'billed' then 0
            when o.wip_rule = 'by_entry' and m.item_type <> 'time_entry' then 0
            when o.wip_rule = 'overage' and m.item_type <> 'overage' then 0
            else -m.amount
        end) as billed_amount
    from ordered as o
    inner join {{ ref('fct_wip_movement') }} as m
        on o.billing_unit_key = m.billing_unit_key
        and m.effective_date > o.opening_date
        and m.effective_date <= o.closing_date
        and m.known_at <= o.knowledge_at
    group by o.billing_unit_key, o.closing_date
)

select
    o.*,
    m.worked_amount as moved_worked_amount,
    m.billed_amount as moved_billed_amount
from ordered as o
left join moved as m on o.billing_unit_key = m.billing_unit_key and o.closing_date = m.closing_date
where o.opening_date is not null
    and (
        o.closing_worked_amount <> o.opening_worked_amount + coalesce(m.worked_amount, 0)
        or o.closing_billed_amount <> o.opening_billed_amount + coalesce(m.billed_amount, 0)
    )
