with versions as (
    {{ raw_versions(source('raw_tryton', 'product'), 'tryton', 'product', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    code,
    name,
    type,
    default_uom__symbol as unit,
    cast(account_category as {{ dbt.type_string() }}) as account_category_id,
    categories as category_ids,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
