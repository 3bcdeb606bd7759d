-- The ids that an approved deal got, written back where sales looks. One call writes all four fields, so a deal that
-- shows the three ids was provisioned.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'salesforce'
)

select
    {{ outbox(
        key='opportunity_id',
        reason='ineligible_reason',
        payload=json_payload([
            ['PSA_Project_Id__c', native_ref('project', 'kantata', 'provisioning_key')],
            ['ERP_Customer_Id__c', native_ref('customer', 'netsuite', "'salesforce_' || account_id")],
            ['Billing_Schedule_Id__c', native_ref('billing_schedule', 'netsuite', "'opp_' || opportunity_id || '_1'")],
            ['Provisioning_Status__c', "'Provisioned'"],
        ]),
        native_id='opportunity_id',
        observed=json_payload([
            ['PSA_Project_Id__c', "replace(project_ref, 'kantata:', '')"],
            ['ERP_Customer_Id__c', "replace(erp_customer_ref, 'netsuite:', '')"],
            ['Billing_Schedule_Id__c', "replace(billing_schedule_ref, 'netsuite:', '')"],
            ['Provisioning_Status__c', "case when project_ref is not null and erp_customer_ref is not null and billing_schedule_ref is not null then 'Provisioned' end"],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
    ) }}
from deals
