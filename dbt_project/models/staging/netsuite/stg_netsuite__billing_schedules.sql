with versions as (
    {{ raw_versions(source('raw_netsuite', 'billing_schedule'), 'netsuite', 'billing_schedule', created_at='created') }}
)

select
    id as schedule_id,
    externalid as external_id,
    name,
    custrecord_bs_customer as customer_id,
    custrecord_bs_project as psa_project_id,
    custrecord_bs_opportunity as crm_opportunity_id,
    custrecord_bs_contract as crm_contract_id,
    custrecord_bs_billing_method as billing_method,
    cast(custrecord_bs_amount as decimal(18, 4)) as amount,
    custrecord_bs_currency as currency,
    cast(custrecord_bs_start_date as date) as start_date,
    cast(custrecord_bs_end_date as date) as end_date,
    custrecord_bs_status as status,
    isinactive = 'T' as is_inactive,
    {{ utc_instant('created') }} as created_at,
    '{{ var("netsuite_url", "https://system.netsuite.com") }}/app/common/custom/custrecordentry.nl?id=' || source_id as source_url,
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
