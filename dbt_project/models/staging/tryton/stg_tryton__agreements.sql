-- Sales with the instant of their confirmation, numbered within their deal: the first is the agreement, others amend it.
with confirmations as (
    select
        source_instance,
        {{ tryton_reference('resource', 'sale.sale') }} as sale_id,
        max(created_at) as signed_at
    from {{ ref('stg_tryton__events') }}
    where is_current and event = 'transition' and target = 'state:confirmed' and resource like 'sale.sale,%'
    group by source_instance, resource
)

select
    s.*,
    c.signed_at,
    row_number() over (
        partition by s.source_instance, coalesce(s.opportunity_id, s.source_id)
        order by case when c.signed_at is null then 1 else 0 end, c.signed_at, cast(s.source_id as integer)
    ) as agreement_no
from {{ ref('stg_tryton__sales') }} as s
left join confirmations as c on s.source_instance = c.source_instance and s.source_id = c.sale_id
where s.is_current
