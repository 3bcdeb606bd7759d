with versions as (
    {{ raw_versions(source('raw_tryton', 'sale_line'), 'tryton', 'sale_line', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(sale as {{ dbt.type_string() }}) as sale_id,
    type,
    cast(product as {{ dbt.type_string() }}) as product_id,
    cast(quantity as decimal(18, 4)) as quantity,
    unit__symbol as unit,
    unit_price,
    amount,
    coalesce(sequence, 0) as sequence,
    {{ utc_instant('create_date') }} as created_at
from versions
