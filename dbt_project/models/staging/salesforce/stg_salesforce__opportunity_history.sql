with versions as (
    {{ raw_versions(source('raw_salesforce', 'opportunity_history'), 'salesforce', 'opportunity_history', created_at='CreatedDate') }}
)

select
    Id as opportunity_history_id,
    OpportunityId as opportunity_id,
    StageName as stage_name,
    cast(Amount as decimal(18, 4)) as amount,
    cast(Probability as integer) as probability,
    cast(CloseDate as date) as close_date,
    CurrencyIsoCode as currency,
    cast(CreatedDate as timestamp) as occurred_at,
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
