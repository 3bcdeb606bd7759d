{{ config(enabled='tryton' in var('systems')) }}
-- A party that is neither a company of the firm nor somebody who works there. Our key, where we made the party, is its
-- code and has a colon.
with parties as (
    select * from {{ ref('stg_tryton__parties') }}
    where is_current
),

companies as (
    select * from {{ ref('stg_tryton__companies') }}
    where is_current
),

employees as (
    select * from {{ ref('stg_tryton__employees') }}
    where is_current
),

contacts as (
    select * from {{ ref('stg_tryton__party_contacts') }}
)

select
    cast(p.source_system as varchar) as source_system,
    cast(p.source_instance as varchar) as source_instance,
    cast(p.source_id as varchar) as source_id,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    cast(p.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    p.name,
    p.name as legal_name,
    cast(null as varchar) as parent_source_id,
    p.tax_registration_id,
    a.country,
    cast(null as varchar) as industry,
    a.domain,
    cast(null as varchar) as account_owner,
    false as credit_hold,
    cast(null as varchar) as currency,
    case when p.code like '%:%' then p.code end as external_ref,
    p.replaced_by_id as merged_into_source_id,
    p.created_at
from parties as p
left join contacts as a on p.source_instance = a.source_instance and p.source_id = a.party_id
left join companies as c on p.source_instance = c.source_instance and p.source_id = c.party_id
left join employees as e on p.source_instance = e.source_instance and p.source_id = e.party_id
where c.source_id is null and e.source_id is null
