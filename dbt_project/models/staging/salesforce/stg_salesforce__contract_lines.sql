with versions as (
    {{ raw_versions(source('raw_salesforce', 'contract_line'), 'salesforce', 'contract_line', created_at='CreatedDate') }}
)

select
    Id as contract_line_id,
    Contract__c as contract_id,
    cast(Line_No__c as integer) as line_no,
    Billing_Method__c as billing_method,
    Revenue_Method__c as revenue_method,
    cast(Amount__c as decimal(18, 4)) as amount,
    CurrencyIsoCode as currency,
    cast(Planned_Hours__c as decimal(9, 4)) as planned_hours,
    cast(NTE_Cap__c as decimal(18, 4)) as nte_cap,
    Rate_Card_Id__c as rate_card_id,
    cast(Included_Hours__c as decimal(9, 4)) as included_hours,
    cast(Overage_Rate__c as decimal(18, 6)) as overage_rate,
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
