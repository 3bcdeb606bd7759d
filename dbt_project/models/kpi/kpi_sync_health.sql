{# Where every row that we pushed or mean to push stands. The rates of K18 come with the engine's own metrics. #}
with deliveries as (
    select * from {{ ref('fct_delivery') }}
),

final as (
    select
        target,
        object,
        state,
        coalesce(held_reason, error_code) as reason,
        count(*) as n,
        sum(amount) as amount,
        min(currency) as currency,
        min(updated_at) as oldest_at
    from deliveries
    group by target, object, state, coalesce(held_reason, error_code)
)

select * from final
