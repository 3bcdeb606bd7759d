with versions as (
    {{ raw_versions(source('raw_netsuite', 'employee'), 'netsuite', 'employee') }}
)

select
    id as employee_id,
    entityid as employee_number,
    lower(email) as email,
    subsidiary as subsidiary_id,
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
