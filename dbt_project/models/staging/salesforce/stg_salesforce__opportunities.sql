with versions as (
    {{ raw_versions(source('raw_salesforce', 'opportunity'), 'salesforce', 'opportunity', created_at='CreatedDate') }}
)

select
    Id as opportunity_id,
    AccountId as account_id,
    OwnerId as owner_id,
    Name as name,
    StageName as stage_name,
    IsWon as is_won,
    IsClosed as is_closed,
    cast(Amount as decimal(18, 4)) as amount,
    CurrencyIsoCode as currency,
    cast(Probability as integer) as probability,
    cast(CloseDate as date) as close_date,
    Service_Line__c as service_line,
    Is_Services__c as is_services,
    Billing_Method__c as billing_method,
    Legal_Entity__c as legal_entity_code,
    cast(Contract_Approved_At__c as timestamp) as contract_approved_at,
    PSA_Project_Id__c as psa_project_id,
    ERP_Customer_Id__c as erp_customer_id,
    Billing_Schedule_Id__c as billing_schedule_id,
    Provisioning_Status__c as provisioning_status,
    cast(CreatedDate as timestamp) as created_at,
    '{{ var("salesforce_url", "https://throughline.my.salesforce.com") }}/' || source_id as source_url,
    source_system,
    source_instance,
    source_id,
    cast(source_changed_at as timestamp) as source_changed_at,
    cast(seen_at as timestamp) as seen_at,
    is_deleted,
    record_hash,
    version_no,
    cast(known_from as timestamp) as known_from,
    cast(known_to as timestamp) as known_to,
    is_current
from versions
