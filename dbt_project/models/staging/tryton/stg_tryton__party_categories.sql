with versions as (
    {{ raw_versions(source('raw_tryton', 'party_category'), 'tryton', 'party_category', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    name,
    {{ utc_instant('create_date') }} as created_at
from versions
