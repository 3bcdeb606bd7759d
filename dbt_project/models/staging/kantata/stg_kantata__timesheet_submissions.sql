with versions as (
    {{ raw_versions(
        source('raw_kantata', 'timesheet_submissions'), 'kantata', 'timesheet_submissions',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    user_id,
    workspace_id,
    status,
    cast(start_date as date) as start_date,
    {{ utc_instant('current_resolution_created_at_date') }} as resolved_at,
    {{ utc_instant('created_at') }} as created_at
from versions
