with versions as (
    {{ raw_versions(source('raw_tryton', 'payment_term'), 'tryton', 'payment_term', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    name,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
