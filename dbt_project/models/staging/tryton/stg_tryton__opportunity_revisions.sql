with versions as (
    {{ raw_versions(source('raw_tryton', 'opportunity_history'), 'tryton', 'opportunity_history', created_at=utc_instant('revision_at')) }}
)

select
    {{ version_columns() }},
    cast(id as {{ dbt.type_string() }}) as opportunity_id,
    {{ utc_instant('revision_at') }} as revised_at,
    revised_by,
    state,
    amount,
    currency__code as currency,
    cast(round(conversion_probability * 100) as integer) as probability,
    cast(end_date as date) as expected_close_date
from versions
