with versions as (
    {{ raw_versions(source('raw_tryton', 'move_line'), 'tryton', 'move_line', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(move as {{ dbt.type_string() }}) as move_id,
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(date as date) as move_date,
    debit,
    credit,
    {{ utc_instant('create_date') }} as created_at
from versions
