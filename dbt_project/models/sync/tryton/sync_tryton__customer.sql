-- In Tryton the CRM's party is the ERP's: every client of an approved deal is there already and is only acknowledged,
-- so that the steps after it find its id.
with deals as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by case when ineligible_reason is null then 0 else 1 end, contract_approved_at, opportunity_id
        ) as choice_no
    from {{ ref('int_deal_to_provision') }}
    where customer_key is not null and crm_system = 'tryton'
),

parties as (
    select * from {{ ref('xref_customer') }}
    where source_system = 'tryton'
),

wanted as (
    select
        d.*,
        p.source_id as party_id,
        p.record_name as shown_name
    from deals as d
    inner join parties as p on d.customer_key = p.customer_sk
    where d.choice_no = 1
)

select
    {{ outbox(
        key="'party_' || account_id",
        reason="case when ineligible_reason is not null then 'no approved deal' end",
        payload=json_payload([['name', 'client']]),
        native_id='party_id',
        observed=json_payload([['name', 'shown_name']]),
        business_key='client',
        client='client',
        legal_entity='legal_entity_code',
        correlation_id="'tryton:' || account_id",
    ) }}
from wanted
