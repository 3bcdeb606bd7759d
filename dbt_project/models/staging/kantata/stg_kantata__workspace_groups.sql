with versions as (
    {{ raw_versions(
        source('raw_kantata', 'workspace_groups'), 'kantata', 'workspace_groups',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    name,
    company as is_company,
    lower(regexp_replace(website, '^https?://', '')) as domain,
    ref_salesforce as salesforce_account_id,
    {{ utc_instant('created_at') }} as created_at
from versions
