-- The ids that an approved deal got, written back where sales looks. One call writes all four, so a deal that shows the
-- three ids was provisioned.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'tryton'
)

select
    {{ outbox(
        key='opportunity_id',
        reason='ineligible_reason',
        payload=json_payload([
            ['project', native_ref('project', 'tryton', 'provisioning_key')],
            ['customer', native_ref('customer', 'tryton', "'party_' || account_id")],
            ['billing_schedule', native_ref('billing_schedule', 'tryton', "'opp_' || opportunity_id || '_1'")],
            ['provisioning_status', "'Provisioned'"],
        ]),
        native_id='opportunity_id',
        observed=json_payload([
            ['project', "replace(project_ref, 'tryton:', '')"],
            ['customer', "replace(erp_customer_ref, 'tryton:', '')"],
            ['billing_schedule', "replace(billing_schedule_ref, 'tryton:', '')"],
            ['provisioning_status', "case when project_ref is not null and erp_customer_ref is not null and billing_schedule_ref is not null then 'Provisioned' end"],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
    ) }}
from deals
