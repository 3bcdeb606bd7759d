with totals as (
    select * from {{ ref('int_wip_total_at_point') }}
),

terms as (
    select * from {{ ref('int_wip_terms_at_point') }}
),

layers as (
    select
        reporting_point_key,
        billing_unit_key,
        max(earned_to_amount) as earned_amount
    from {{ ref('int_wip_layer_at_point') }}
    group by reporting_point_key, billing_unit_key
),

overbilled as (
    select
        reporting_point_key,
        billing_unit_key,
        sum(overbilled_amount) as overbilled_amount
    from {{ ref('int_wip_open_entry') }}
    group by reporting_point_key, billing_unit_key
),

ageing as (
    select
        reporting_point_key,
        billing_unit_key,
        sum(unbilled_amount) as unbilled_amount,
        sum(n_open_items) as n_open_items
    from {{ ref('kpi_unbilled_wip_ageing') }}
    group by reporting_point_key, billing_unit_key
),

points as (
    select * from {{ ref('reporting_points') }}
),

units as (
    select * from {{ ref('int_billing_unit') }}
),

measured as (
    select
        t.*,
        m.cap_amount,
        case when t.wip_rule = 'by_entry' then t.worked_amount else coalesce(l.earned_amount, 0) end as earned_amount,
        coalesce(a.unbilled_amount, 0) as unbilled_amount,
        coalesce(a.n_open_items, 0) as n_open_items,
        case
            when t.wip_rule = 'by_entry' then coalesce(o.overbilled_amount, 0)
            else greatest(0, t.billed_amount - coalesce(l.earned_amount, 0))
        end as overbilled_amount
    from totals as t
    inner join terms as m
        on t.reporting_point_key = m.reporting_point_key
        and t.billing_unit_key = m.billing_unit_key
    left join layers as l
        on t.reporting_point_key = l.reporting_point_key
        and t.billing_unit_key = l.billing_unit_key
    left join overbilled as o
        on t.reporting_point_key = o.reporting_point_key
        and t.billing_unit_key = o.billing_unit_key
    left join ageing as a
        on t.reporting_point_key = a.reporting_point_key
        and t.billing_unit_key = a.billing_unit_key
)

select
    m.reporting_point_key,
    p.period,
    p.basis,
    p.as_of,
    p.knowledge_at,
    p.is_provisional,
    u.legal_entity_code,
    m.billing_unit_key,
    u.contract_line_key,
    u.project_key,
    u.customer_key,
    u.billing_method,
    m.wip_rule,
    u.currency,
    m.approved_hours,
    m.worked_amount,
    m.cap_amount,
    cast(m.earned_amount as decimal(28, 10)) as earned_amount,
    m.billed_amount,
    cast(m.unbilled_amount as decimal(28, 10)) as unbilled_amount,
    cast(case
        when m.wip_rule = 'capped' then greatest(0, m.worked_amount - m.cap_amount) else 0
    end as decimal(28, 10)) as over_cap_amount,
    cast(m.overbilled_amount as decimal(28, 10)) as overbilled_amount,
    cast(case
        when m.wip_rule = 'acceptance' then m.unbilled_amount else 0
    end as decimal(28, 10)) as billable_now_amount,
    m.unapproved_amount,
    cast(m.n_open_items as integer) as n_open_items
from measured as m
inner join points as p on m.reporting_point_key = p.reporting_point_key
inner join units as u on m.billing_unit_key = u.billing_unit_key
