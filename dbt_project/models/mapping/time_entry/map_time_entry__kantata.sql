{{ config(enabled='kantata' in var('systems')) }}
-- Versions of hours. The rate card is the workspace's; the state is that of the submission that the version is on, as
-- it stands now (how it came about is in map_time_entry_status_event__kantata).
with entries as (
    select * from {{ ref('stg_kantata__time_entries') }}
),

workspaces as (
    select * from {{ ref('stg_kantata__workspaces') }}
    where is_current
),

users as (
    select * from {{ ref('stg_kantata__users') }}
    where is_current
),

roles as (
    select * from {{ ref('stg_kantata__roles') }}
    where is_current
),

submissions as (
    select * from {{ ref('stg_kantata__timesheet_submissions') }}
    where is_current
),

approvals as (
    select
        source_instance,
        submission_id,
        max(created_at) as approved_at
    from {{ ref('stg_kantata__resolutions') }}
    where is_current and target_type = 'TimesheetSubmission' and status = 'approved'
    group by source_instance, submission_id
)

select
    cast(e.source_system as varchar) as source_system,
    cast(e.source_instance as varchar) as source_instance,
    cast(e.source_id as varchar) as source_id,
    e.source_changed_at,
    e.seen_at,
    e.is_deleted,
    cast(e.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    e.known_from,
    e.known_to,
    e.workspace_id as project_source_id,
    u.email as resource_ref,
    e.work_date,
    e.hours,
    e.billable,
    coalesce(r.role, ur.role) as role,
    w.rate_card_id as rate_card_ref,
    e.bill_rate,
    e.cost_rate,
    coalesce(e.currency, w.currency) as currency,
    case s.status
        when 'new' then 'submitted'
        when 'approved' then 'approved'
        when 'rejected' then 'rejected'
        else 'draft'
    end as status,
    coalesce(a.approved_at, case when s.status = 'approved' then s.resolved_at end) as approved_at,
    e.is_invoiced as is_billed,
    e.replaces_id as replaces_source_id,
    cast(null as varchar) as external_ref,
    e.created_at
from entries as e
left join workspaces as w on e.source_instance = w.source_instance and e.workspace_id = w.source_id
left join users as u on e.source_instance = u.source_instance and e.user_id = u.source_id
left join roles as r on e.source_instance = r.source_instance and e.role_id = r.source_id
left join roles as ur on u.source_instance = ur.source_instance and u.role_id = ur.source_id
left join submissions as s on e.source_instance = s.source_instance and e.recent_submission_id = s.source_id
left join approvals as a on e.source_instance = a.source_instance and e.recent_submission_id = a.submission_id
