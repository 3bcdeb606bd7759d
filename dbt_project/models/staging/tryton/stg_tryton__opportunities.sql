with versions as (
    {{ raw_versions(source('raw_tryton', 'opportunity'), 'tryton', 'opportunity', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    number,
    description as name,
    reference,
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    currency__code as currency,
    amount,
    cast(employee as {{ dbt.type_string() }}) as employee_id,
    cast(start_date as date) as start_date,
    cast(end_date as date) as expected_close_date,
    cast(round(conversion_probability * 100) as integer) as probability,
    state,
    nullif(regexp_extract(comment, 'throughline:ids[]] .*project=([0-9]+)', 1), '') as written_project_id,
    nullif(regexp_extract(comment, 'throughline:ids[]] .*customer=([0-9]+)', 1), '') as written_customer_id,
    nullif(regexp_extract(comment, 'throughline:ids[]] .*billing_schedule=([0-9]+)', 1), '') as written_billing_schedule_id,
    {{ utc_instant('create_date') }} as created_at
from versions
