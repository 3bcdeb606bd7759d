with versions as (
    {{ raw_versions(source('raw_tryton', 'sale'), 'tryton', 'sale', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    number,
    reference,
    description,
    {{ tryton_reference('origin', 'sale.opportunity') }} as opportunity_id,
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    currency__code as currency,
    state,
    cast(sale_date as date) as sale_date,
    untaxed_amount as net_amount,
    {{ utc_instant('create_date') }} as created_at
from versions
