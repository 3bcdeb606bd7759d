with versions as (
    {{ raw_versions(
        source('raw_kantata', 'rate_cards'), 'kantata', 'rate_cards',
        created_at=utc_instant('created_at')
    ) }}
)

select
    {{ version_columns() }},
    currency,
    rate_card_set_id,
    rate_card_set_title as title
from versions
