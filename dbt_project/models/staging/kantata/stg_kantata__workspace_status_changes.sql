with versions as (
    {{ raw_versions(
        source('raw_kantata', 'workspace_status_changes'), 'kantata', 'workspace_status_changes',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    workspace_id,
    from_status_message,
    to_status_message,
    user_id,
    {{ utc_instant('created_at') }} as created_at
from versions
