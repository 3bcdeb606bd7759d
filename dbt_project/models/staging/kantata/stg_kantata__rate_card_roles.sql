with versions as (
    {{ raw_versions(
        source('raw_kantata', 'rate_card_roles'), 'kantata', 'rate_card_roles',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    rate_card_version_id,
    role_id,
    cast(rate as decimal(18, 6)) / 100 as hourly_rate
from versions
