with versions as (
    {{ raw_versions(source('raw_salesforce', 'account'), 'salesforce', 'account', created_at='CreatedDate') }}
)

select
    Id as account_id,
    MasterRecordId as master_record_id,
    ParentId as parent_account_id,
    OwnerId as owner_id,
    Name as name,
    Legal_Name__c as legal_name,
    Tax_Registration_Id__c as tax_registration_id,
    upper(nullif(trim(BillingCountryCode), '')) as country,
    Industry as industry,
    lower(Website) as website,
    CurrencyIsoCode as currency,
    Throughline_Key__c as throughline_key,
    ERP_Customer_Id__c as erp_customer_id,
    PSA_Client_Id__c as psa_client_id,
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
