{{ config(enabled='tryton' in var('systems')) }}
-- The lines of an agreement by their way of billing: a project bills hours of several seniorities as one.
with agreements as (
    select * from {{ ref('stg_tryton__agreements') }}
),

billing_methods as (
    select * from {{ ref('stg_tryton__product_billing') }}
),

lines as (
    select
        l.source_instance,
        l.sale_id,
        b.billing_method,
        min(cast(l.source_id as integer)) as first_line_id,
        sum(l.amount) as amount,
        sum(case when l.unit = 'h' then l.quantity else 0 end) as planned_hours
    from {{ ref('stg_tryton__sale_lines') }} as l
    inner join billing_methods as b on l.source_instance = b.source_instance and l.product_id = b.product_id
    where l.is_current and not l.is_deleted and l.type = 'line' and b.billing_method is not null
    group by l.source_instance, l.sale_id, b.billing_method
)

select
    cast(s.source_system as varchar) as source_system,
    cast(s.source_instance as varchar) as source_instance,
    cast(l.first_line_id as varchar) as source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    cast(s.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    s.source_id as contract_source_id,
    cast(row_number() over (partition by s.source_instance, s.source_id order by l.first_line_id) as integer) as line_no,
    cast(l.billing_method as varchar) as billing_method,
    cast(case l.billing_method
        when 'time_and_materials' then 'as_billed'
        when 'fixed_fee' then 'poc_hours'
        when 'milestone' then 'on_acceptance'
        else 'ratable_daily'
    end as varchar) as revenue_method,
    cast(l.amount as decimal(18, 4)) as amount,
    s.currency,
    cast(l.planned_hours as decimal(9, 4)) as planned_hours,
    cast(null as decimal(18, 4)) as nte_cap,
    cast(null as varchar) as rate_card_ref,
    cast(null as decimal(9, 4)) as included_hours,
    cast(null as decimal(18, 6)) as overage_rate
from agreements as s
inner join lines as l on s.source_instance = l.source_instance and s.source_id = l.sale_id
where s.agreement_no = 1
