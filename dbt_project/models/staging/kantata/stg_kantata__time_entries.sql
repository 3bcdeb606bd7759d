with versions as (
    {{ raw_versions(
        source('raw_kantata', 'time_entries'), 'kantata', 'time_entries',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    workspace_id,
    user_id,
    role_id,
    cast(date_performed as date) as work_date,
    cast(cast(time_in_minutes as decimal(18, 4)) / 60 as decimal(9, 4)) as hours,
    billable,
    nullif(regexp_extract(notes, '^Replaces ([0-9]+)', 1), '') as replaces_id,
    cast(cast(rate_in_cents as decimal(18, 6)) / 100 as decimal(18, 6)) as bill_rate,
    cast(cast(cost_rate_in_cents as decimal(18, 6)) / 100 as decimal(18, 6)) as cost_rate,
    currency,
    is_invoiced,
    recent_submission_id,
    {{ utc_instant('created_at') }} as created_at
from versions
