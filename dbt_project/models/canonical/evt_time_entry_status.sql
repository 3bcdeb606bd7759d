with events as (
    {{ union_mapped('time_entry_status_event', ['kantata', 'tryton']) }}
),

time_entries as (
    {{ union_mapped('time_entry', ['kantata', 'netsuite', 'tryton']) }}
),

xref as (
    select * from {{ ref('xref_time_entry') }}
    where is_origin
),

recorded as (
    select
        {{ row_key(alias='e') }} as time_entry_status_sk,
        x.time_entry_key,
        e.status,
        e.occurred_at,
        e.actor,
        false as is_derived,
        e.source_system,
        e.source_instance,
        e.source_id,
        e.source_url,
        e.source_changed_at,
        e.seen_at,
        e.record_hash
    from events as e
    inner join xref as x
        on e.source_system = x.source_system
        and e.source_instance = x.source_instance
        and e.time_entry_source_id = x.source_id
    where not e.is_deleted
),

-- A system without a history of approvals shows the state of each version; that is then the event.
derived as (
    select
        {{ surrogate_key(['x.time_entry_sk', 't.known_from']) }} as time_entry_status_sk,
        x.time_entry_key,
        t.status,
        case when t.status = 'approved' then coalesce(t.approved_at, t.known_from) else t.known_from end as occurred_at,
        cast(null as {{ dbt.type_string() }}) as actor,
        true as is_derived,
        t.source_system,
        t.source_instance,
        t.source_id,
        t.source_url,
        t.source_changed_at,
        t.seen_at,
        t.record_hash
    from time_entries as t
    inner join xref as x
        on t.source_system = x.source_system
        and t.source_instance = x.source_instance
        and t.source_id = x.source_id
    where not t.is_deleted
        and x.time_entry_key not in (select r.time_entry_key from recorded as r)
),

events_of_all as (
    select * from recorded
    union all
    select * from derived
)

select
    time_entry_status_sk,
    time_entry_key,
    status,
    occurred_at,
    lead(occurred_at) over (partition by time_entry_key order by occurred_at, source_id) as superseded_at,
    actor,
    is_derived,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    record_hash
from events_of_all
