{{ config(enabled='netsuite' in var('systems')) }}
with customers as (
    select * from {{ ref('stg_netsuite__customers') }}
    where is_current
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    c.source_system,
    c.source_instance,
    c.source_id,
    c.source_changed_at,
    c.seen_at,
    c.is_deleted,
    c.record_hash,
    c.source_url,
    c.name,
    c.legal_name,
    c.parent_customer_id as parent_source_id,
    c.tax_registration_id,
    c.country,
    cast(null as {{ dbt.type_string() }}) as industry,
    nullif({{ dbt.split_part("replace(replace(replace(c.website, 'https://', ''), 'http://', ''), 'www.', '')", "'/'", 1) }}, '') as domain,
    cast(null as {{ dbt.type_string() }}) as account_owner,
    c.credit_hold,
    u.currency,
    case
        when c.external_id like 'salesforce%' then 'salesforce:' || substring(c.external_id, 12)
        else c.crm_account_ref
    end as external_ref,
    cast(null as {{ dbt.type_string() }}) as merged_into_source_id,
    c.created_at
from customers as c
left join currencies as u on c.currency_id = u.currency_id and c.source_instance = u.source_instance
