with versions as (
    {{ raw_versions(source('raw_netsuite', 'term'), 'netsuite', 'term') }}
)

select
    id as term_id,
    name,
    cast(daysuntilnetdue as integer) as net_days,
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
