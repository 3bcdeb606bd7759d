with versions as (
    {{ raw_versions(source('raw_tryton', 'company'), 'tryton', 'company', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(party as {{ dbt.type_string() }}) as party_id,
    currency__code as currency,
    timezone as time_zone,
    {{ utc_instant('create_date') }} as created_at
from versions
