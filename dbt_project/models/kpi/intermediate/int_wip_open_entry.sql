-- Time and materials without a cap: each entry stands for itself, and a bill above its value opens no other. An
-- entry whose movements all came before the point and cancel out is left out: it is settled for good.
with terms as (
    select * from {{ ref('int_wip_terms_at_point') }}
    where wip_rule = 'by_entry'
),

movements as (
    select * from {{ ref('fct_wip_movement') }}
    where item_type = 'time_entry' and leg in ('worked', 'billed')
),

entries as (
    select
        item_key,
        billing_unit_key,
        min(effective_date) as first_effective_date,
        max(effective_date) as last_effective_date,
        min(known_at) as first_known_at,
        max(known_at) as last_known_at,
        sum(amount) as final_amount
    from movements
    group by item_key, billing_unit_key
),

balances as (
    select
        t.reporting_point_key,
        e.billing_unit_key,
        e.item_key,
        max(case when m.leg = 'worked' and m.amount > 0 then m.effective_date end) as service_date,
        sum(case when m.leg = 'worked' then m.amount else 0 end) as worked_amount,
        sum(m.amount) as balance_amount
    from terms as t
    inner join entries as e
        on t.billing_unit_key = e.billing_unit_key
        and e.first_effective_date <= t.as_of
        and e.first_known_at <= t.knowledge_at
        and not (
            e.final_amount = 0 and e.last_effective_date <= t.as_of and e.last_known_at <= t.knowledge_at
        )
    inner join movements as m
        on e.item_key = m.item_key
        and e.billing_unit_key = m.billing_unit_key
        and m.effective_date <= t.as_of
        and m.known_at <= t.knowledge_at
    group by t.reporting_point_key, e.billing_unit_key, e.item_key
)

select
    reporting_point_key,
    billing_unit_key,
    service_date,
    cast(sum(case when balance_amount > 0 then balance_amount else 0 end) as decimal(28, 10)) as open_amount,
    cast(sum(case when balance_amount < 0 then -balance_amount else 0 end) as decimal(28, 10)) as overbilled_amount,
    cast(sum(case when balance_amount > 0 then 1 else 0 end) as integer) as n_open_items
from balances
where balance_amount <> 0
group by reporting_point_key, billing_unit_key, service_date
