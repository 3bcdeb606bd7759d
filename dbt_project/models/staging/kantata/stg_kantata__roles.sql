with versions as (
    {{ raw_versions(
        source('raw_kantata', 'roles'), 'kantata', 'roles',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    lower(name) as role
from versions
