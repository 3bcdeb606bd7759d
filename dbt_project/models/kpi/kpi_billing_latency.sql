with invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
    where is_posted and document_type = 'invoice'
),

credit_memos as (
    select * from {{ ref('fct_credit_memo') }}
    where posted_at is not null and status <> 'void' and not is_deleted and link_confidence = 'stated'
),

time_entries as (
    select * from {{ ref('fct_time_entry') }}
    where is_current
),

events as (
    select * from {{ ref('evt_time_entry_status') }}
),

milestones as (
    select * from {{ ref('dim_milestone') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
),

corrections as (
    select
        corrects_invoice_key as invoice_key,
        min(posted_at) as corrected_at
    from credit_memos
    group by corrects_invoice_key
),

submissions as (
    select
        time_entry_key,
        min(occurred_at) as submitted_at
    from events
    where status = 'submitted'
    group by time_entry_key
),

approvals as (
    select
        l.invoice_line_key,
        max(e.occurred_at) as approved_at
    from invoice_lines as l
    inner join events as e on l.time_entry_key = e.time_entry_key and e.occurred_at <= l.posted_at
    where e.status = 'approved'
    group by l.invoice_line_key
),

dated as (
    select
        l.*,
        c.corrected_at,
        l.line_type in ('time', 'milestone') and l.net_amount > 0 as is_in_scope,
        case
            when l.line_type = 'time' then t.work_date
            when l.line_type = 'milestone' then {{ utc_to_local_date('m.accepted_at', 'e.time_zone') }}
        end as service_date,
        {{ utc_to_local_date('a.approved_at', 'e.time_zone') }} as approved_date,
        {{ utc_to_local_date('s.submitted_at', 'e.time_zone') }} as submitted_date
    from invoice_lines as l
    inner join legal_entities as e on l.legal_entity_code = e.legal_entity_code
    left join corrections as c on l.document_key = c.invoice_key
    left join time_entries as t on l.time_entry_key = t.time_entry_key
    left join milestones as m on l.milestone_key = m.milestone_key
    left join submissions as s on l.time_entry_key = s.time_entry_key
    left join approvals as a on l.invoice_line_key = a.invoice_line_key
),

-- A step that left no trace takes no time of its own: it falls on the next one that did.
staged as (
    select
        d.*,
        coalesce(approved_date, invoice_date) as ready_date,
        coalesce(submitted_date, approved_date, invoice_date) as submit_date
    from dated as d
)

select
    invoice_line_key,
    document_key,
    {{ period_of('posted_date') }} as period,
    legal_entity_code,
    customer_key,
    project_key,
    time_entry_key,
    milestone_key,
    line_type,
    currency,
    quantity as hours,
    net_amount,
    service_date,
    invoice_date,
    posted_at,
    posted_date,
    corrected_at,
    rebill_of_invoice_key is not null as is_rebill,
    is_in_scope and service_date is not null as is_in_scope,
    case
        when not is_in_scope then 'line_type:' || line_type
        when service_date is null then 'no_service_date'
    end as excluded_reason,
    cast({{ days_between('service_date', 'posted_date') }} as integer) as latency_days,
    cast({{ days_between('service_date', 'submit_date') }} as integer) as work_to_submit_days,
    cast({{ days_between('submit_date', 'ready_date') }} as integer) as submit_to_approve_days,
    cast(0 as integer) as approve_to_ready_days,
    cast({{ days_between('ready_date', 'invoice_date') }} as integer) as ready_to_invoice_days,
    cast({{ days_between('invoice_date', 'posted_date') }} as integer) as invoice_to_post_days
from staged
