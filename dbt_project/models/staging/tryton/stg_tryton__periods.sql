with versions as (
    {{ raw_versions(source('raw_tryton', 'period'), 'tryton', 'period', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    name,
    type,
    cast(company as {{ dbt.type_string() }}) as company_id,
    cast(start_date as date) as start_date,
    cast(end_date as date) as end_date,
    state,
    {{ utc_instant('create_date') }} as created_at
from versions
