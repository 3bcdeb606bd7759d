with events as (
    {{ union_mapped('project_status_event', ['kantata', 'tryton']) }}
),

projects as (
    select * from {{ ref('xref_project') }}
)

select
    {{ row_key(alias='e') }} as project_status_sk,
    p.project_key,
    e.status,
    e.occurred_at,
    e.actor,
    cast(row_number() over (partition by p.project_key order by e.occurred_at, e.source_id) as integer) as event_no,
    e.source_system,
    e.source_instance,
    e.source_id,
    e.source_url,
    e.source_changed_at,
    e.seen_at,
    e.record_hash
from events as e
inner join projects as p
    on e.source_system = p.source_system
    and e.source_instance = p.source_instance
    and e.project_source_id = p.source_id
where not e.is_deleted
