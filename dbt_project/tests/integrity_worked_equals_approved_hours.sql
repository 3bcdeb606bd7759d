-- What is worked in the sub-ledger, all movements together, is the approved billable value known now.
with movements as (
    select
        item_key,
        sum(amount) as amount,
        sum(hours) as hours
    from {{ ref('fct_wip_movement') }}
    where leg = 'worked'
    group by item_key
),

approved as (
    select
        time_entry_key,
        billable_amount,
        hours
    from {{ ref('fct_time_entry_value') }}
    where known_to = cast('9999-12-31 00:00:00' as timestamp)
        and status = 'approved'
        and project_key is not null
)

select
    coalesce(m.item_key, a.time_entry_key) as time_entry_key,
    m.amount,
    a.billable_amount
from movements as m
full outer join approved as a on m.item_key = a.time_entry_key
where coalesce(m.amount, 0) <> coalesce(a.billable_amount, 0)
    or coalesce(m.hours, 0) <> coalesce(a.hours, 0)
