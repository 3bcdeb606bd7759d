-- A project for each won and approved deal. What the PSA owns (title, dates, the client's record) is proposed once, at
-- creation; after that the PSA's own value stands. What the CRM owns is kept right; of a deal's contracts the project
-- keeps the one that it delivers.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'salesforce'
),

projects as (
    select * from {{ ref('dim_project') }}
    where source_system = 'kantata'
),

clients as (
    select
        customer_key,
        min(source_id) as client_id
    from {{ ref('xref_customer') }}
    where source_system = 'kantata' and is_survivor and not is_deleted
    group by customer_key
),

contracts as (
    select * from {{ ref('dim_contract') }}
    where not is_deleted
),

wanted as (
    select
        d.*,
        c.client_id,
        p.name as shown_title,
        p.client_source_id as shown_client,
        p.currency as shown_currency,
        p.start_date as shown_start_date,
        p.end_date as shown_end_date,
        p.opportunity_ref as shown_opportunity,
        p.contract_ref as shown_contract,
        k.source_ref as kept_contract,
        p.legal_entity_code as shown_entity,
        p.billing_method as shown_billing_method,
        p.service_line as shown_service_line
    from deals as d
    left join projects as p on d.project_key = p.project_key
    left join contracts as k on p.contract_key = k.contract_key and d.opportunity_key = k.opportunity_key
    left join clients as c on d.customer_key = c.customer_key
)

select
    {{ outbox(
        key='provisioning_key',
        reason='ineligible_reason',
        payload=json_payload([
            ['title', proposed('project_id', 'shown_title', 'opportunity_name')],
            ['workspace_group_id', proposed('project_id', 'shown_client', 'client_id')],
            ['currency', proposed('project_id', 'shown_currency', 'contract_currency')],
            ['start_date', proposed('project_id', 'shown_start_date', 'coalesce(start_date, cast(contract_approved_at as date))')],
            ['due_date', proposed('project_id', 'shown_end_date', 'end_date')],
            ['opportunity_ref', 'opportunity_ref'],
            ['contract_ref', 'coalesce(kept_contract, contract_ref, shown_contract)'],
            ['legal_entity', 'legal_entity_code'],
            ['billing_method', 'billing_method'],
            ['service_line', 'service_line'],
        ]),
        native_id='project_id',
        observed=json_payload([
            ['title', 'shown_title'],
            ['workspace_group_id', 'shown_client'],
            ['currency', 'shown_currency'],
            ['start_date', 'shown_start_date'],
            ['due_date', 'shown_end_date'],
            ['opportunity_ref', 'shown_opportunity'],
            ['contract_ref', 'shown_contract'],
            ['legal_entity', 'shown_entity'],
            ['billing_method', 'shown_billing_method'],
            ['service_line', 'shown_service_line'],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
        depends_on="'[\"netsuite/customer/salesforce_' || account_id || '\"]'",
    ) }}
from wanted
