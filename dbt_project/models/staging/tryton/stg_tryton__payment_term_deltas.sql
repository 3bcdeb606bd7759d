with versions as (
    {{ raw_versions(source('raw_tryton', 'payment_term_delta'), 'tryton', 'payment_term_delta', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(line__payment as {{ dbt.type_string() }}) as payment_term_id,
    coalesce(days, 0) as days,
    coalesce(weeks, 0) as weeks,
    coalesce(months, 0) as months,
    {{ utc_instant('create_date') }} as created_at
from versions
