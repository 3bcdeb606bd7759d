with versions as (
    {{ raw_versions(source('raw_tryton', 'invoiced_progress'), 'tryton', 'invoiced_progress', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(work as {{ dbt.type_string() }}) as work_id,
    cast(progress as decimal(9, 4)) as progress,
    cast(invoice_line as {{ dbt.type_string() }}) as invoice_line_id,
    {{ utc_instant('create_date') }} as created_at
from versions
