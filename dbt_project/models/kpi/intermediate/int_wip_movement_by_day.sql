-- The sub-ledger without its items: what the rules that look at a whole line, and all totals, are summed from.
with movements as (
    select * from {{ ref('fct_wip_movement') }}
)

select
    billing_unit_key,
    leg,
    item_type = 'overage' as is_overage,
    item_type = 'time_entry' as names_entry,
    effective_date,
    known_at,
    sum(hours) as hours,
    cast(sum(amount) as decimal(28, 10)) as amount
from movements
group by billing_unit_key, leg, item_type = 'overage', item_type = 'time_entry', effective_date, known_at
