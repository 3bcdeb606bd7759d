with versions as (
    {{ raw_versions(source('raw_tryton', 'currency_rate'), 'tryton', 'currency_rate', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    currency__code as currency,
    cast(date as date) as rate_date,
    cast(rate as decimal(18, 9)) as rate,
    {{ utc_instant('create_date') }} as created_at
from versions
