-- Posted invoices and what is open of them, on the deal that they belong to.
with invoices as (
    select
        *,
        case
            when ineligible_reason is not null then ineligible_reason
            when opportunity_id is null then 'invoice without deal'
        end as reason
    from {{ ref('int_invoice_to_show') }}
    where source_system = 'tryton'
)

select
    {{ outbox(
        key="source_system || ':' || source_id",
        reason='reason',
        payload=json_payload([
            ['invoice_number', 'invoice_number'],
            ['opportunity', 'opportunity_id'],
            ['status', 'status'],
            ['net_amount', 'net_amount'],
            ['gross_amount', 'gross_amount'],
            ['open_amount', 'open_amount'],
            ['currency', 'currency'],
        ]),
        native_id='null',
        observed='null',
        business_key='invoice_number',
        client='client',
        amount='gross_amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id="source_system || ':' || source_id",
    ) }}
from invoices
