with versions as (
    {{ raw_versions(source('raw_control', 'delivery'), 'control', 'delivery', created_at='created_at') }}
)

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
    cast(amount as decimal(18, 4)) as amount,
    currency,
    legal_entity_code,
    correlation_id,
    cast(cast(created_at as timestamptz) as timestamp) as created_at,
    cast(cast(updated_at as timestamptz) as timestamp) as updated_at,
    is_current
from versions
