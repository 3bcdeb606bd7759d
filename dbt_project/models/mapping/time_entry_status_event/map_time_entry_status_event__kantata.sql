{{ config(enabled='kantata' in var('systems')) }}
-- A submission is approved or rejected as a whole, so each of its events is one of every entry that was ever on it.
-- Which entries those were is known from the versions of the entries: OX itself shows only the latest submission.
with entries as (
    select distinct
        source_instance,
        source_id,
        recent_submission_id
    from {{ ref('stg_kantata__time_entries') }}
    where recent_submission_id is not null
),

submissions as (
    select * from {{ ref('stg_kantata__timesheet_submissions') }}
    where is_current
),

resolutions as (
    select * from {{ ref('stg_kantata__resolutions') }}
    where is_current and target_type = 'TimesheetSubmission'
),

users as (
    select * from {{ ref('stg_kantata__users') }}
    where is_current
),

events as (
    select
        source_system,
        source_instance,
        source_id as submission_id,
        source_id || ':submitted' as event_id,
        source_changed_at,
        seen_at,
        is_deleted,
        record_hash,
        'submitted' as status,
        created_at as occurred_at,
        user_id
    from submissions
    union all
    select
        source_system,
        source_instance,
        submission_id,
        source_id,
        source_changed_at,
        seen_at,
        is_deleted,
        record_hash,
        case status when 'cancelled' then 'draft' else status end as status,
        created_at,
        user_id
    from resolutions
)

select
    cast(v.source_system as varchar) as source_system,
    cast(v.source_instance as varchar) as source_instance,
    cast(e.source_id || ':' || v.event_id as varchar) as source_id,
    v.source_changed_at,
    v.seen_at,
    v.is_deleted,
    cast(v.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    e.source_id as time_entry_source_id,
    v.status,
    v.occurred_at,
    u.email as actor
from entries as e
inner join events as v on e.source_instance = v.source_instance and e.recent_submission_id = v.submission_id
left join users as u on v.source_instance = u.source_instance and v.user_id = u.source_id
