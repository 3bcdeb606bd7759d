{{ config(enabled='tryton' in var('systems')) }}
-- An invoice line on timesheets bills many entries: here each has its row, with its share of the line's amount; the shares
-- add up to it. A credited line repeats the entries of the line that it credits, negative.
with lines as (
    select
        *,
        coalesce(origin_line_id, source_id) as billed_line_id
    from {{ ref('stg_tryton__invoice_lines') }}
    where is_current and type = 'line' and invoice_type = 'out' and invoice_id is not null
),

entries as (
    select
        source_instance,
        source_id as time_entry_id,
        invoice_line_id,
        hours,
        sum(hours) over (
            partition by source_instance, invoice_line_id order by cast(source_id as integer)
            rows between unbounded preceding and current row
        ) as hours_so_far,
        sum(hours) over (partition by source_instance, invoice_line_id) as all_hours
    from {{ ref('stg_tryton__timesheet_lines') }}
    where is_current and not is_deleted and invoice_line_id is not null
),

milestones as (
    select
        source_instance,
        invoice_line_id,
        min(source_id) as work_id
    from {{ ref('stg_tryton__works') }}
    where is_current and not is_deleted and invoice_line_id is not null
    group by source_instance, invoice_line_id
),

progresses as (
    select distinct
        source_instance,
        invoice_line_id
    from {{ ref('stg_tryton__invoiced_progresses') }}
    where is_current and not is_deleted
),

shared as (
    select
        l.*,
        e.time_entry_id,
        m.work_id,
        g.invoice_line_id is not null as is_progress,
        case when l.quantity < 0 then -1 else 1 end * coalesce(e.hours, abs(l.quantity)) as told_quantity,
        case
            when e.all_hours > 0
                then round(cast(l.amount as double) * cast(e.hours_so_far as double) / cast(e.all_hours as double), 2)
                    - round(
                        cast(l.amount as double) * cast(e.hours_so_far - e.hours as double)
                        / cast(e.all_hours as double), 2
                    )
            else l.amount
        end as told_amount
    from lines as l
    left join entries as e on l.source_instance = e.source_instance and l.billed_line_id = e.invoice_line_id
    left join milestones as m on l.source_instance = m.source_instance and l.billed_line_id = m.invoice_line_id
    left join progresses as g on l.source_instance = g.source_instance and l.billed_line_id = g.invoice_line_id
)

select
    cast(s.source_system as varchar) as source_system,
    cast(s.source_instance as varchar) as source_instance,
    cast(s.source_id || coalesce(':' || s.time_entry_id, '') as varchar) as source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    cast(s.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    s.invoice_id as invoice_source_id,
    cast(row_number() over (
        partition by s.source_instance, s.invoice_id order by cast(s.source_id as integer), cast(s.time_entry_id as integer)
    ) as integer) as line_no,
    cast(case
        when s.time_entry_id is not null then 'time'
        when s.work_id is not null then 'milestone'
        when s.is_progress then 'fixed_fee'
        else 'product'
    end as varchar) as line_type,
    'tryton:' || s.time_entry_id as time_entry_ref,
    'tryton:' || s.work_id as milestone_ref,
    cast(s.told_quantity as decimal(9, 4)) as quantity,
    s.unit_price as rate,
    cast(s.told_amount as decimal(18, 4)) as net_amount
from shared as s
