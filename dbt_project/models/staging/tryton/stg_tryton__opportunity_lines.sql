with versions as (
    {{ raw_versions(source('raw_tryton', 'opportunity_line'), 'tryton', 'opportunity_line', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(opportunity as {{ dbt.type_string() }}) as opportunity_id,
    cast(product as {{ dbt.type_string() }}) as product_id,
    cast(quantity as decimal(18, 4)) as quantity,
    unit__symbol as unit,
    coalesce(sequence, 0) as sequence,
    {{ utc_instant('create_date') }} as created_at
from versions
