with versions as (
    {{ raw_versions(
        source('raw_kantata', 'rate_card_set_versions'), 'kantata', 'rate_card_set_versions',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    rate_card_set_id,
    active as is_active,
    cast(effective_date as date) as effective_date
from versions
