with versions as (
    {{ raw_versions(source('raw_netsuite', 'subsidiary'), 'netsuite', 'subsidiary') }}
)

select
    id as subsidiary_id,
    name,
    externalid as code,
    currency as currency_id,
    upper(country) as country,
    parent as parent_subsidiary_id,
    fiscalcalendar as fiscal_calendar_id,
    custrecord_time_zone as time_zone,
    iselimination = 'T' as is_elimination,
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
