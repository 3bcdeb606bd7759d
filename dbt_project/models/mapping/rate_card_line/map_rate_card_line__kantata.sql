{{ config(enabled='kantata' in var('systems')) }}
-- A rate is a role's rate in a version of a card; the date from which it counts stands on the version of the card's
-- set. A rate that is edited in place counts as recorded when we saw the edit, and the rate before it is gone.
with rates as (
    select * from {{ ref('stg_kantata__rate_card_roles') }}
    where is_current
),

versions as (
    select * from {{ ref('stg_kantata__rate_card_versions') }}
    where is_current
),

set_versions as (
    select * from {{ ref('stg_kantata__rate_card_set_versions') }}
    where is_current
),

cards as (
    select * from {{ ref('stg_kantata__rate_cards') }}
    where is_current
),

roles as (
    select * from {{ ref('stg_kantata__roles') }}
    where is_current
)

select
    cast(r.source_system as varchar) as source_system,
    cast(r.source_instance as varchar) as source_instance,
    cast(r.source_id as varchar) as source_id,
    r.source_changed_at,
    r.seen_at,
    r.is_deleted or v.is_deleted or sv.is_deleted as is_deleted,
    cast(r.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    v.rate_card_id as rate_card_ref,
    o.role,
    c.currency,
    cast(r.hourly_rate as decimal(18, 6)) as bill_rate,
    sv.effective_date as effective_from,
    r.known_from as recorded_at
from rates as r
inner join versions as v on r.source_instance = v.source_instance and r.rate_card_version_id = v.source_id
inner join set_versions as sv on v.source_instance = sv.source_instance and v.rate_card_set_version_id = sv.source_id
inner join cards as c on v.source_instance = c.source_instance and v.rate_card_id = c.source_id
inner join roles as o on r.source_instance = o.source_instance and r.role_id = o.source_id
where sv.is_active
