with versions as (
    {{ raw_versions(source('raw_tryton', 'employee'), 'tryton', 'employee', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    cast(supervisor as {{ dbt.type_string() }}) as supervisor_id,
    cast(start_date as date) as start_date,
    cast(end_date as date) as end_date,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
