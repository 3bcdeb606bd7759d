-- The terms of each billing unit as they were in force at a reporting point: price, hours and cap with the
-- amendments that counted by then and were known, and the rule by which its work becomes WIP.
with points as (
    select * from {{ ref('reporting_points') }}
),

units as (
    select * from {{ ref('int_billing_unit') }}
),

amendments as (
    select
        *,
        row_number() over (partition by contract_key order by counts_from_date, amendment_no) as precedence
    from {{ ref('dim_contract_amendment') }}
    where not is_deleted
),

in_force as (
    select
        p.reporting_point_key,
        u.billing_unit_key,
        sum(a.amount_delta) as amount_delta,
        sum(a.hours_delta) as hours_delta,
        max_by(a.new_nte_cap, case when a.new_nte_cap is not null then a.precedence end) as new_cap_amount
    from points as p
    inner join units as u on p.legal_entity_code = u.legal_entity_code
    inner join amendments as a
        on u.contract_key = a.contract_key
        and a.counts_from_date <= p.as_of
        and a.signed_at <= p.knowledge_at
    where u.takes_amendments
    group by p.reporting_point_key, u.billing_unit_key
),

terms as (
    select
        p.reporting_point_key,
        p.as_of,
        p.knowledge_at,
        u.billing_unit_key,
        u.billing_method,
        u.price_amount + coalesce(a.amount_delta, 0) as price_amount,
        u.planned_hours + coalesce(a.hours_delta, 0) as planned_hours,
        coalesce(a.new_cap_amount, u.cap_amount) as cap_amount,
        u.included_hours,
        u.overage_rate
    from points as p
    inner join units as u on p.legal_entity_code = u.legal_entity_code
    left join in_force as a
        on p.reporting_point_key = a.reporting_point_key
        and u.billing_unit_key = a.billing_unit_key
)

select
    reporting_point_key,
    as_of,
    knowledge_at,
    billing_unit_key,
    case
        when billing_method = 'time_and_materials' and cap_amount is null then 'by_entry'
        when billing_method = 'time_and_materials' then 'capped'
        when billing_method = 'fixed_fee' and price_amount is not null then 'completion'
        when billing_method = 'milestone' then 'acceptance'
        when billing_method = 'retainer' then 'overage'
        else 'none'
    end as wip_rule,
    cast(price_amount as decimal(18, 4)) as price_amount,
    cast(planned_hours as decimal(18, 4)) as planned_hours,
    cast(cap_amount as decimal(18, 4)) as cap_amount,
    included_hours,
    overage_rate
from terms
