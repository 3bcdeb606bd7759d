with versions as (
    {{ raw_versions(source('raw_tryton', 'party'), 'tryton', 'party', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    code,
    name,
    active as is_active,
    cast(replaced_by as {{ dbt.type_string() }}) as replaced_by_id,
    tax_identifier__code as tax_registration_id,
    cast(customer_payment_term as {{ dbt.type_string() }}) as customer_payment_term_id,
    categories as category_ids,
    {{ utc_instant('create_date') }} as created_at
from versions
