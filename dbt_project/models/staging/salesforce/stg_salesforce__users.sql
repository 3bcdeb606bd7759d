with versions as (
    {{ raw_versions(source('raw_salesforce', 'users'), 'salesforce', 'users', created_at='CreatedDate') }}
)

select
    Id as user_id,
    lower(Email) as email,
    Name as name,
    IsActive as is_active,
    cast(CreatedDate as timestamp) as created_at,
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
