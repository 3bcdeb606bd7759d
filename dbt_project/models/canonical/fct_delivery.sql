{# The newest desired state of each key at each target. Older ones are history, in staging. #}
with deliveries as (
    select * from {{ ref('stg_control__deliveries') }}
    where is_current
),

ranked as (
    select
        *,
        row_number() over (partition by target, object, ext_key order by version desc) as newest
    from deliveries
),

final as (
    select
        delivery_id,
        sync_id,
        target,
        object,
        ext_key,
        version,
        op,
        state,
        held_reason,
        error_class,
        error_code,
        attempts,
        business_key,
        client,
        amount,
        currency,
        legal_entity_code,
        correlation_id,
        created_at,
        updated_at
    from ranked
    where newest = 1
)

select * from final
