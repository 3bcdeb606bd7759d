{{ config(enabled='tryton' in var('systems')) }}
-- A further confirmed sale of the same deal.
with agreements as (
    select * from {{ ref('stg_tryton__agreements') }}
),

hours as (
    select
        source_instance,
        sale_id,
        sum(quantity) as hours
    from {{ ref('stg_tryton__sale_lines') }}
    where is_current and not is_deleted and unit = 'h'
    group by source_instance, sale_id
),

firsts as (
    select
        source_instance,
        opportunity_id,
        source_id
    from agreements
    where agreement_no = 1
)

select
    cast(s.source_system as varchar) as source_system,
    cast(s.source_instance as varchar) as source_instance,
    cast(s.source_id as varchar) as source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    cast(s.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    f.source_id as contract_source_id,
    cast(s.agreement_no - 1 as integer) as amendment_no,
    s.sale_date as effective_date,
    s.signed_at,
    s.net_amount as amount_delta,
    cast(coalesce(h.hours, 0) as decimal(9, 4)) as hours_delta,
    cast(null as decimal(18, 4)) as new_nte_cap,
    s.description as reason
from agreements as s
inner join firsts as f on s.source_instance = f.source_instance and s.opportunity_id = f.opportunity_id
left join hours as h on s.source_instance = h.source_instance and s.source_id = h.sale_id
where s.agreement_no > 1 and s.signed_at is not null
