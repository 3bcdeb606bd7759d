with versions as (
    {{ raw_versions(
        source('raw_kantata', 'rate_card_versions'), 'kantata', 'rate_card_versions',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    rate_card_id,
    rate_card_set_version_id
from versions
