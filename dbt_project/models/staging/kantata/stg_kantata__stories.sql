with versions as (
    {{ raw_versions(
        source('raw_kantata', 'stories'), 'kantata', 'stories',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    title,
    story_type,
    state,
    coalesce(archived, false) as is_archived,
    workspace_id,
    cast(due_date as date) as due_date,
    cast(budget_estimate_in_cents as decimal(18, 4)) / 100 as budget_amount,
    cf_contract_line_ref as contract_line_ref,
    {{ utc_instant('cf_achieved_at') }} as achieved_at,
    {{ utc_instant('cf_accepted_at') }} as accepted_at,
    {{ utc_instant('deleted_at') }} as deleted_at,
    {{ utc_instant('created_at') }} as created_at
from versions
