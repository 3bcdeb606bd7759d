with versions as (
    {{ raw_versions(
        source('raw_kantata', 'resolutions'), 'kantata', 'resolutions',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    type as status,
    target_type,
    cast(target_id as varchar) as submission_id,
    user_id,
    {{ utc_instant('created_at') }} as created_at
from versions
