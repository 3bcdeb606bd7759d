{{ config(enabled='tryton' in var('systems')) }}
-- A company; its code is that of its party.
with companies as (
    select * from {{ ref('stg_tryton__companies') }}
    where is_current
),

parties as (
    select * from {{ ref('stg_tryton__parties') }}
    where is_current
),

contacts as (
    select * from {{ ref('stg_tryton__party_contacts') }}
)

select
    cast(c.source_system as varchar) as source_system,
    cast(c.source_instance as varchar) as source_instance,
    cast(c.source_id as varchar) as source_id,
    c.source_changed_at,
    c.seen_at,
    c.is_deleted,
    cast(c.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    coalesce(p.code, c.source_id) as code,
    p.name,
    c.currency as functional_currency,
    a.country,
    c.time_zone
from companies as c
left join parties as p on c.source_instance = p.source_instance and c.party_id = p.source_id
left join contacts as a on c.source_instance = a.source_instance and c.party_id = a.party_id
