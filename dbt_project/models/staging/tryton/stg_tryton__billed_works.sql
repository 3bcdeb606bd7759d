-- The tasks that an invoice line bills: by hours, as a finished task, or by progress.
with bookables as (
    select * from {{ ref('stg_tryton__timesheet_works') }}
    where is_current
),

works as (
    select * from {{ ref('stg_tryton__works') }}
    where is_current
),

billed as (
    select t.source_instance, t.invoice_line_id, b.work_id
    from {{ ref('stg_tryton__timesheet_lines') }} as t
    inner join bookables as b on t.source_instance = b.source_instance and t.timesheet_work_id = b.source_id
    where t.is_current and t.invoice_line_id is not null
    union all
    select source_instance, invoice_line_id, source_id
    from works
    where invoice_line_id is not null
    union all
    select source_instance, invoice_line_id, work_id
    from {{ ref('stg_tryton__invoiced_progresses') }}
    where is_current
)

select distinct
    b.source_instance,
    b.invoice_line_id,
    b.work_id,
    case w.type when 'project' then w.source_id else w.parent_id end as project_id
from billed as b
inner join works as w on b.source_instance = w.source_instance and b.work_id = w.source_id
