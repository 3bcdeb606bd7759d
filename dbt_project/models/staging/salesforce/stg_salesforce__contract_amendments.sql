with versions as (
    {{ raw_versions(source('raw_salesforce', 'contract_amendment'), 'salesforce', 'contract_amendment', created_at='CreatedDate') }}
)

select
    Id as contract_amendment_id,
    Contract__c as contract_id,
    cast(Amendment_No__c as integer) as amendment_no,
    cast(Effective_Date__c as date) as effective_date,
    cast(Signed_At__c as timestamp) as signed_at,
    cast(Amount_Delta__c as decimal(18, 4)) as amount_delta,
    cast(Hours_Delta__c as decimal(9, 4)) as hours_delta,
    cast(New_NTE_Cap__c as decimal(18, 4)) as new_nte_cap,
    Reason__c as reason,
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
