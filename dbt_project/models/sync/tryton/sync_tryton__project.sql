-- A project for each won and approved deal. What the PSA owns (name, invoice method) is proposed once, at creation.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'tryton'
),

projects as (
    select * from {{ ref('dim_project') }}
    where source_system = 'tryton'
),

wanted as (
    select
        d.*,
        case coalesce(p.billing_method, d.billing_method)
            when 'time_and_materials' then 'timesheet'
            when 'fixed_fee' then 'progress'
            when 'milestone' then 'effort'
            else 'manual'
        end as invoice_method,
        p.name as shown_name,
        p.client_source_id as shown_party,
        p.opportunity_ref as shown_opportunity,
        case when p.legal_entity_code = d.legal_entity_code then d.legal_entity_id end as shown_company
    from deals as d
    left join projects as p on d.project_key = p.project_key
)

select
    {{ outbox(
        key='provisioning_key',
        reason='ineligible_reason',
        payload=json_payload([
            ['name', proposed('project_id', 'shown_name', 'opportunity_name')],
            ['party', native_ref('customer', 'tryton', "'party_' || account_id")],
            ['company', 'legal_entity_id'],
            ['invoice_method', 'invoice_method'],
            ['opportunity_ref', 'opportunity_ref'],
        ]),
        native_id='project_id',
        observed=json_payload([
            ['name', 'shown_name'],
            ['party', 'shown_party'],
            ['company', 'shown_company'],
            ['invoice_method', 'invoice_method'],
            ['opportunity_ref', 'shown_opportunity'],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
        depends_on="'[\"tryton/customer/party_' || account_id || '\"]'",
    ) }}
from wanted
