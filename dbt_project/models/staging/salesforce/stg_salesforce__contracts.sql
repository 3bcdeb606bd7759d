with versions as (
    {{ raw_versions(source('raw_salesforce', 'contract'), 'salesforce', 'contract', created_at='CreatedDate') }}
)

select
    Id as contract_id,
    AccountId as account_id,
    Opportunity__c as opportunity_id,
    ContractNumber as contract_number,
    Status as contract_status,
    Legal_Entity__c as legal_entity_code,
    CurrencyIsoCode as currency,
    cast(Amount__c as decimal(18, 4)) as amount,
    cast(Signed_At__c as timestamp) as signed_at,
    cast(StartDate as date) as start_date,
    cast(EndDate as date) as end_date,
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
