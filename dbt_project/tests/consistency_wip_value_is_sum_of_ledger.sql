-- kpi_value tells what its drill-down rows add up to, in every dimension.
with drill as (
    select
        period,
        basis,
        as_of,
        knowledge_at,
        legal_entity_code,
        currency,
        sum(unbilled_amount) as amount
    from {{ ref('kpi_unbilled_wip') }}
    group by period, basis, as_of, knowledge_at, legal_entity_code, currency
),

told as (
    select
        period,
        basis,
        as_of,
        knowledge_at,
        legal_entity_code,
        currency,
        dimension,
        sum(value) as amount
    from {{ ref('kpi_value') }}
    where measure = 'unbilled_wip'
    group by period, basis, as_of, knowledge_at, legal_entity_code, currency, dimension
)

select
    t.*,
    d.amount as drill_amount
from told as t
left join drill as d
    on t.period = d.period
    and t.basis = d.basis
    and t.as_of = d.as_of
    and t.knowledge_at = d.knowledge_at
    and t.legal_entity_code = d.legal_entity_code
    and t.currency = d.currency
where abs(t.amount - coalesce(d.amount, 0)) > 0.000001
