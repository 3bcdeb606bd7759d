with versions as (
    {{ raw_versions(source('raw_tryton', 'event_log'), 'tryton', 'event_log', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    resource,
    event,
    target,
    cast("user" as {{ dbt.type_string() }}) as user_id,
    {{ utc_instant('create_date') }} as created_at
from versions
