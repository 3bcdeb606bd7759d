-- Clients that the ERP must know: those with an approved deal. What the ERP owns (the entity that bills, the currency
-- of its account) is proposed once, at creation; after that the ERP's own value stands.
with deals as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by case when ineligible_reason is null then 0 else 1 end, contract_approved_at, opportunity_id
        ) as choice_no
    from {{ ref('int_deal_to_provision') }}
    where customer_key is not null and crm_system = 'salesforce'
),

customers as (
    select * from {{ ref('dim_customer') }}
),

erp_customers as (
    select
        *,
        row_number() over (partition by customer_key order by source_id) as choice_no
    from {{ ref('xref_customer') }}
    where source_system = 'netsuite' and is_survivor and not is_deleted
),

billing_accounts as (
    select
        b.erp_customer_id,
        min(case when b.legal_entity_key = d.legal_entity_key then e.source_id end) as entity_of_deal,
        min(e.source_id) as any_entity
    from {{ ref('dim_billing_account') }} as b
    inner join {{ ref('dim_legal_entity') }} as e on b.legal_entity_key = e.legal_entity_key
    left join deals as d on b.customer_key = d.customer_key and d.choice_no = 1
    where not b.is_deleted
    group by b.erp_customer_id
),

wanted as (
    select
        d.*,
        c.name as customer_name,
        c.default_currency,
        x.source_id as erp_id,
        x.record_name as shown_name,
        x.record_currency as shown_currency,
        x.external_ref as shown_account,
        coalesce(b.entity_of_deal, b.any_entity) as shown_entity
    from deals as d
    inner join customers as c on d.customer_key = c.customer_key
    left join erp_customers as x on d.customer_key = x.customer_key and x.choice_no = 1
    left join billing_accounts as b on x.source_id = b.erp_customer_id
    where d.choice_no = 1
)

select
    {{ outbox(
        key="'salesforce_' || account_id",
        reason="case when ineligible_reason is not null then 'no approved deal' end",
        payload=json_payload([
            ['companyName', 'customer_name'],
            ['subsidiary', proposed('erp_id', 'shown_entity', 'legal_entity_id')],
            ['currency', proposed('erp_id', 'shown_currency', 'coalesce(default_currency, currency)')],
            ['custentity_crm_account', "'salesforce:' || account_id"],
        ]),
        native_id='erp_id',
        observed=json_payload([
            ['companyName', 'shown_name'],
            ['subsidiary', 'shown_entity'],
            ['currency', 'shown_currency'],
            ['custentity_crm_account', 'shown_account'],
        ]),
        business_key='customer_name',
        client='client',
        legal_entity='legal_entity_code',
        correlation_id="'salesforce:' || account_id",
    ) }}
from wanted
