{{ config(enabled='tryton' in var('systems')) }}
-- In Tryton the price of an hour stands on the task: a task is a rate card with one line, whose role is the task's product.
-- A new price counts for all time that is not invoiced, whenever it was worked: a retroactive change.
with versions as (
    select
        *,
        lag(list_price) over (partition by source_instance, source_id order by version_no) as previous_price
    from {{ ref('stg_tryton__works') }}
    where type = 'task' and list_price is not null and not is_deleted
),

products as (
    select * from {{ ref('stg_tryton__products') }}
    where is_current
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
)

select
    cast(w.source_system as varchar) as source_system,
    cast(w.source_instance as varchar) as source_instance,
    cast(w.source_id || ':' || w.version_no as varchar) as source_id,
    w.source_changed_at,
    w.seen_at,
    w.is_deleted,
    cast(w.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    w.source_id as rate_card_ref,
    coalesce(lower(p.code), 'task') as role,
    k.currency,
    w.list_price as bill_rate,
    cast('2000-01-01' as date) as effective_from,
    w.known_from as recorded_at
from versions as w
left join products as p on w.source_instance = p.source_instance and w.product_id = p.source_id
left join company_codes as k on w.source_instance = k.source_instance and w.company_id = k.company_id
where w.previous_price is null or w.list_price <> w.previous_price
