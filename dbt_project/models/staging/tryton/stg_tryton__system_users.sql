with versions as (
    {{ raw_versions(source('raw_tryton', 'system_user'), 'tryton', 'system_user', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    login,
    name,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
