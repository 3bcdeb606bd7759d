with versions as (
    {{ raw_versions(source('raw_tryton', 'contact_mechanism'), 'tryton', 'contact_mechanism', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(party as {{ dbt.type_string() }}) as party_id,
    type,
    lower(value) as value,
    coalesce(sequence, 0) as sequence,
    active as is_active,
    {{ utc_instant('create_date') }} as created_at
from versions
