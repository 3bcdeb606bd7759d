with versions as (
    {{ raw_versions(source('raw_netsuite', 'customer'), 'netsuite', 'customer', created_at='datecreated') }}
)

select
    id as customer_id,
    entityid as customer_number,
    nullif(externalid, '') as external_id,
    companyname as name,
    custentity_legal_name as legal_name,
    custentity_crm_account as crm_account_ref,
    upper(custentity_country) as country,
    vatregnumber as tax_registration_id,
    lower(url) as website,
    parent as parent_customer_id,
    currency as currency_id,
    terms as term_id,
    creditholdoverride = 'ON' as credit_hold,
    isinactive = 'T' as is_inactive,
    {{ utc_instant('datecreated') }} as created_at,
    '{{ var("netsuite_url", "https://system.netsuite.com") }}/app/common/entity/custjob.nl?id=' || source_id as source_url,
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
