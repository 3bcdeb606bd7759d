with versions as (
    {{ raw_versions(source('raw_netsuite', 'customersubsidiaryrelationship'), 'netsuite', 'customersubsidiaryrelationship') }}
)

select
    id as relationship_id,
    entity as customer_id,
    subsidiary as subsidiary_id,
    isprimarysub = 'T' as is_primary,
    primarycurrency as currency_id,
    isinactive = 'T' as is_inactive,
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
