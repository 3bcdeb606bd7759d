with versions as (
    {{ raw_versions(source('raw_salesforce', 'invoice_status'), 'salesforce', 'invoice_status', created_at='CreatedDate') }}
)

select
    Id as invoice_status_id,
    Invoice_Key__c as invoice_key_text,
    Invoice_Number__c as invoice_number,
    Opportunity__c as opportunity_id,
    Account__c as account_id,
    Status__c as status,
    cast(Net_Amount__c as decimal(18, 4)) as net_amount,
    cast(Gross_Amount__c as decimal(18, 4)) as gross_amount,
    cast(Open_Amount__c as decimal(18, 4)) as open_amount,
    CurrencyIsoCode as currency,
    cast(Invoice_Date__c as date) as invoice_date,
    cast(Due_Date__c as date) as due_date,
    cast(Posted_At__c as timestamp) as posted_at,
    cast(Last_Payment_Date__c as date) as last_payment_date,
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
