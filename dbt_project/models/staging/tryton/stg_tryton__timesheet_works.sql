with versions as (
    {{ raw_versions(source('raw_tryton', 'timesheet_work'), 'tryton', 'timesheet_work', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    {{ tryton_reference('origin', 'project.work') }} as work_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    {{ utc_instant('create_date') }} as created_at
from versions
