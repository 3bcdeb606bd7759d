with versions as (
    {{ raw_versions(source('raw_tryton', 'party_address'), 'tryton', 'party_address', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(party as {{ dbt.type_string() }}) as party_id,
    country__code as country,
    city,
    coalesce(sequence, 0) as sequence,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
