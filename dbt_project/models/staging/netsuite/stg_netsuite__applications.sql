with versions as (
    {{ raw_versions(source('raw_netsuite', 'payment_application'), 'netsuite', 'payment_application', created_at='lastmodifieddate') }}
)

select
    previousdoc as applied_to_transaction_id,
    nextdoc as applied_transaction_id,
    nexttype as applied_type,
    cast(foreignamount as decimal(18, 4)) as amount,
    {{ utc_instant('lastmodifieddate') }} as applied_at,
    source_system,
    source_instance,
    source_id,
    cast(source_changed_at as timestamp) as source_changed_at,
    cast(seen_at as timestamp) as seen_at,
    is_deleted,
    record_hash,
    version_no,
    cast(known_from as timestamp) as known_from,
    cast(known_to as timestamp) as known_to,
    is_current
from versions
