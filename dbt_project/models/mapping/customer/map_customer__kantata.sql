{{ config(enabled='kantata' in var('systems')) }}
-- A client is a workspace group. Kantata keeps what it needs of it: a name and the id of the CRM's account.
with groups as (
    select * from {{ ref('stg_kantata__workspace_groups') }}
    where is_current
)

select
    cast(source_system as varchar) as source_system,
    cast(source_instance as varchar) as source_instance,
    cast(source_id as varchar) as source_id,
    source_changed_at,
    seen_at,
    is_deleted,
    cast(record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    name,
    cast(null as varchar) as legal_name,
    cast(null as varchar) as parent_source_id,
    cast(null as varchar) as tax_registration_id,
    cast(null as varchar) as country,
    cast(null as varchar) as industry,
    nullif(domain, '') as domain,
    cast(null as varchar) as account_owner,
    cast(null as boolean) as credit_hold,
    cast(null as varchar) as currency,
    'salesforce:' || salesforce_account_id as external_ref,
    cast(null as varchar) as merged_into_source_id,
    created_at
from groups
