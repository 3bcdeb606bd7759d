{{ config(enabled='tryton' in var('systems')) }}
-- Entering a line hands it in; notes on it approve or reject.
with entries as (
    select * from {{ ref('stg_tryton__timesheet_lines') }}
    where is_current and not is_deleted
),

notes as (
    select * from {{ ref('stg_tryton__notes') }}
    where is_current and not is_deleted and approval is not null
),

people as (
    select * from {{ ref('stg_tryton__system_users') }}
    where is_current
),

events as (
    select
        e.source_system,
        e.source_instance,
        e.source_id || ':submitted' as event_id,
        e.source_changed_at,
        e.seen_at,
        e.is_deleted,
        e.record_hash,
        e.source_id as time_entry_id,
        'submitted' as status,
        e.created_at as occurred_at,
        cast(null as varchar) as actor
    from entries as e
    union all
    select
        n.source_system,
        n.source_instance,
        'note:' || n.source_id,
        n.source_changed_at,
        n.seen_at,
        n.is_deleted,
        n.record_hash,
        n.timesheet_line_id,
        n.approval,
        n.created_at,
        u.login
    from notes as n
    left join people as u on n.source_instance = u.source_instance and n.author_id = u.source_id
    where n.timesheet_line_id is not null
)

select
    cast(e.source_system as varchar) as source_system,
    cast(e.source_instance as varchar) as source_instance,
    cast(e.event_id as varchar) as source_id,
    e.source_changed_at,
    e.seen_at,
    e.is_deleted,
    cast(e.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    e.time_entry_id as time_entry_source_id,
    cast(e.status as varchar) as status,
    e.occurred_at,
    e.actor
from events as e
