{{ config(enabled='salesforce' in var('systems')) }}
with accounts as (
    select * from {{ ref('stg_salesforce__accounts') }}
    where is_current
),

owners as (
    select * from {{ ref('stg_salesforce__users') }}
    where is_current
),

named as (
    select
        *,
        replace(replace(replace(website, 'https://', ''), 'http://', ''), 'www.', '') as host_and_path
    from accounts
)

select
    a.source_system,
    a.source_instance,
    a.source_id,
    a.source_changed_at,
    a.seen_at,
    a.is_deleted,
    a.record_hash,
    a.source_url,
    a.name,
    a.legal_name,
    a.parent_account_id as parent_source_id,
    a.tax_registration_id,
    a.country,
    a.industry,
    nullif({{ dbt.split_part('a.host_and_path', "'/'", 1) }}, '') as domain,
    o.email as account_owner,
    cast(null as boolean) as credit_hold,
    a.currency,
    coalesce('netsuite:' || a.erp_customer_id, 'kantata:' || a.psa_client_id) as external_ref,
    a.master_record_id as merged_into_source_id,
    a.created_at
from named as a
left join owners as o on a.owner_id = o.user_id and a.source_instance = o.source_instance
