with versions as (
    {{ raw_versions(source('raw_tryton', 'invoice_line'), 'tryton', 'invoice_line', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    cast(invoice as {{ dbt.type_string() }}) as invoice_id,
    invoice_type,
    type,
    cast(company as {{ dbt.type_string() }}) as company_id,
    cast(party as {{ dbt.type_string() }}) as party_id,
    currency__code as currency,
    cast(product as {{ dbt.type_string() }}) as product_id,
    cast(quantity as decimal(18, 4)) as quantity,
    unit_price,
    amount,
    description,
    {{ tryton_reference('origin', 'account.invoice.line') }} as origin_line_id,
    {{ tryton_reference('origin', 'sale.line') }} as sale_line_id,
    coalesce(sequence, 0) as sequence,
    nullif(regexp_extract(note, '[[](opp_[0-9]+_[0-9]+)[]]', 1), '') as billing_schedule_key,
    {{ utc_instant('create_date') }} as created_at
from versions
