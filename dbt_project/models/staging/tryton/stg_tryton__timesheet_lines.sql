with versions as (
    {{ raw_versions(source('raw_tryton', 'timesheet_line'), 'tryton', 'timesheet_line', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(company as {{ dbt.type_string() }}) as company_id,
    cast(employee as {{ dbt.type_string() }}) as employee_id,
    cast(work as {{ dbt.type_string() }}) as timesheet_work_id,
    cast(date as date) as work_date,
    cast(duration / 3600 as decimal(9, 4)) as hours,
    description,
    cost_price as cost_rate,
    cast(invoice_line as {{ dbt.type_string() }}) as invoice_line_id,
    uuid,
    {{ utc_instant('create_date') }} as created_at
from versions
