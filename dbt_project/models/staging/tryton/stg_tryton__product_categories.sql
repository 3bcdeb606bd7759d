with versions as (
    {{ raw_versions(source('raw_tryton', 'product_category'), 'tryton', 'product_category', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    name,
    accounting as is_accounting,
    {{ utc_instant('create_date') }} as created_at
from versions
