with layers as (
    select * from {{ ref('int_wip_layer_at_point') }}
),

entries as (
    select * from {{ ref('int_wip_open_entry') }}
),

points as (
    select * from {{ ref('reporting_points') }}
),

units as (
    select * from {{ ref('int_billing_unit') }}
),

open_layers as (
    select
        reporting_point_key,
        billing_unit_key,
        service_date,
        earned_to_amount - greatest(earned_from_amount, billed_amount) as open_amount,
        1 as n_open_items
    from layers
    where earned_to_amount > greatest(earned_from_amount, billed_amount)
    union all
    select
        reporting_point_key,
        billing_unit_key,
        service_date,
        open_amount,
        n_open_items
    from entries
    where open_amount > 0
),

aged as (
    select
        o.*,
        p.period,
        p.basis,
        p.as_of,
        p.knowledge_at,
        p.is_provisional,
        {{ days_between('o.service_date', 'p.as_of') }} as age_days
    from open_layers as o
    inner join points as p on o.reporting_point_key = p.reporting_point_key
)

select
    a.reporting_point_key,
    a.period,
    a.basis,
    a.as_of,
    a.knowledge_at,
    a.is_provisional,
    u.legal_entity_code,
    a.billing_unit_key,
    u.contract_line_key,
    u.project_key,
    u.customer_key,
    u.billing_method,
    u.currency,
    a.service_date,
    cast(a.age_days as integer) as age_days,
    case
        when a.age_days <= 30 then '0-30'
        when a.age_days <= 60 then '31-60'
        when a.age_days <= 90 then '61-90'
        when a.age_days <= 120 then '91-120'
        else '>120'
    end as ageing_bucket,
    cast(a.open_amount as decimal(28, 10)) as unbilled_amount,
    cast(a.n_open_items as integer) as n_open_items
from aged as a
inner join units as u on a.billing_unit_key = u.billing_unit_key
