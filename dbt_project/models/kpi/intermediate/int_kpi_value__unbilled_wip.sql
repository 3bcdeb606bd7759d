with points as (
    select * from {{ ref('reporting_points') }}
),

wip as (
    select * from {{ ref('kpi_unbilled_wip') }}
),

ageing as (
    select * from {{ ref('kpi_unbilled_wip_ageing') }}
),

rates as (
    select * from {{ ref('fct_fx_rate') }}
    where rate_type = 'closing' and to_currency = '{{ var("group_currency") }}'
),

rate_of_point as (
    select
        p.reporting_point_key,
        r.from_currency,
        max_by(r.rate, r.rate_date) as rate
    from points as p
    inner join rates as r on r.rate_date <= p.as_of
    group by p.reporting_point_key, r.from_currency
),

-- A month end without any work still has a value: zero.
measured as (
    select
        p.reporting_point_key,
        coalesce(w.currency, p.functional_currency) as currency,
        w.billing_method,
        w.wip_rule,
        coalesce(w.unbilled_amount, 0) as unbilled_amount,
        coalesce(w.unapproved_amount, 0) as unapproved_amount,
        coalesce(w.over_cap_amount, 0) as over_cap_amount,
        case when w.wip_rule = 'completion' then w.overbilled_amount else 0 end as overbilled_amount,
        coalesce(w.billable_now_amount, 0) as billable_now_amount,
        coalesce(w.n_open_items, 0) as n_open_items
    from points as p
    left join wip as w on p.reporting_point_key = w.reporting_point_key
),

translated as (
    select
        m.*,
        case when m.currency = '{{ var("group_currency") }}' then 1 else r.rate end as rate
    from measured as m
    left join rate_of_point as r
        on m.reporting_point_key = r.reporting_point_key
        and m.currency = r.from_currency
),

rows_of_measures as (
    {%- for measure, column, items in [
        ('unbilled_wip', 'unbilled_amount', 'n_open_items'),
        ('wip_unapproved', 'unapproved_amount', 'case when unapproved_amount <> 0 then 1 else 0 end'),
        ('over_cap_exposure', 'over_cap_amount', 'case when over_cap_amount <> 0 then 1 else 0 end'),
        ('overbilled_exposure', 'overbilled_amount', 'case when overbilled_amount <> 0 then 1 else 0 end'),
        ('billable_now', 'billable_now_amount', 'case when billable_now_amount <> 0 then 1 else 0 end'),
    ] %}
    select
        reporting_point_key,
        '{{ measure }}' as measure,
        currency,
        'none' as dimension,
        'all' as dimension_value,
        sum({{ column }}) as amount,
        sum({{ items }}) as n,
        cast(null as {{ dbt.type_string() }}) as missing
    from measured
    group by reporting_point_key, currency
    union all
    {%- endfor %}
    select
        reporting_point_key,
        'unbilled_wip',
        currency,
        'billing_method',
        billing_method,
        sum(unbilled_amount),
        sum(n_open_items),
        null
    from measured
    where billing_method is not null
    group by reporting_point_key, currency, billing_method
    union all
    select
        reporting_point_key,
        'unbilled_wip',
        currency,
        'ageing_bucket',
        ageing_bucket,
        sum(unbilled_amount),
        sum(n_open_items),
        null
    from ageing
    group by reporting_point_key, currency, ageing_bucket
    union all
    select
        reporting_point_key,
        'unbilled_wip_group_{{ var("group_currency") | lower }}',
        '{{ var("group_currency") }}',
        'none',
        'all',
        case when count(rate) = count(*) then sum(unbilled_amount * rate) end,
        sum(n_open_items),
        max(case when rate is null then 'no_closing_rate:' || currency end)
    from translated
    group by reporting_point_key
)

select
    measure,
    reporting_point_key,
    currency,
    dimension,
    dimension_value,
    cast(amount as decimal(28, 10)) as numerator,
    cast(null as decimal(28, 10)) as denominator,
    cast(n as bigint) as n,
    cast(0 as bigint) as n_excluded,
    missing as excluded_reasons,
    cast(amount as decimal(28, 10)) as value,
    'currency' as unit
from rows_of_measures
