with versions as (
    {{ raw_versions(source('raw_tryton', 'invoice'), 'tryton', 'invoice', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    number,
    reference,
    description,
    type,
    state,
    cast(party as {{ dbt.type_string() }}) as party_id,
    cast(company as {{ dbt.type_string() }}) as company_id,
    currency__code as currency,
    cast(payment_term as {{ dbt.type_string() }}) as payment_term_id,
    cast(invoice_date as date) as invoice_date,
    cast(coalesce(accounting_date, invoice_date) as date) as posting_date,
    {{ utc_instant('numbered_at') }} as numbered_at,
    untaxed_amount as net_amount,
    tax_amount,
    total_amount as gross_amount,
    amount_to_pay as open_amount,
    payment_lines as payment_line_ids,
    {{ utc_instant('create_date') }} as created_at
from versions
