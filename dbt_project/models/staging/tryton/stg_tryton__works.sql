with versions as (
    {{ raw_versions(source('raw_tryton', 'project_work'), 'tryton', 'project_work', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    name,
    number,
    type,
    cast(parent as {{ dbt.type_string() }}) as parent_id,
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    status__name as status,
    project_invoice_method as invoice_method,
    cast(product as {{ dbt.type_string() }}) as product_id,
    list_price,
    cast(coalesce(effort_duration, 0) / 3600 as decimal(9, 4)) as effort_hours,
    progress,
    cast(invoice_line as {{ dbt.type_string() }}) as invoice_line_id,
    nullif(regexp_extract(comment, '[[]opp:([0-9]+)', 1), '') as opportunity_id,
    {{ utc_instant('create_date') }} as created_at
from versions
