{{ config(enabled='tryton' in var('systems')) }}
-- Tryton logs that a status was written, not which one. What was written before we first saw the project is inferred: a
-- project passes through open; what came after, our versions know.
with versions as (
    select
        w.*,
        s.status as canonical_status,
        lag(s.status) over (partition by w.source_instance, w.source_id order by w.version_no) as previous_status
    from {{ ref('stg_tryton__works') }} as w
    left join {{ ref('project_status_map') }} as s on w.status = s.source_status and s.system = 'tryton'
    where w.type = 'project' and not w.is_deleted
),

writes as (
    select
        e.source_instance,
        {{ tryton_reference('e.resource', 'project.work') }} as work_id,
        e.created_at as written_at
    from {{ ref('stg_tryton__events') }} as e
    where e.is_current and e.event = 'write' and ',' || e.target || ',' like '%,status,%'
),

first_seen as (
    select
        v.source_instance,
        v.source_id,
        count(w.written_at) as n_writes,
        min(w.written_at) as first_written_at,
        max(w.written_at) as last_written_at
    from versions as v
    left join writes as w
        on v.source_instance = w.source_instance and v.source_id = w.work_id and w.written_at <= v.seen_at
    where v.version_no = 1
    group by v.source_instance, v.source_id
),

events as (
    select v.*, 'created' as told_status, v.created_at as occurred_at
    from versions as v
    where v.version_no = 1
    union all
    select
        v.*,
        'active',
        case
            when v.canonical_status = 'active' or f.n_writes > 1 then coalesce(f.first_written_at, v.created_at)
            else v.created_at
        end
    from versions as v
    inner join first_seen as f on v.source_instance = f.source_instance and v.source_id = f.source_id
    where v.version_no = 1 and v.canonical_status <> 'created'
    union all
    select v.*, v.canonical_status, coalesce(f.last_written_at, v.source_changed_at)
    from versions as v
    inner join first_seen as f on v.source_instance = f.source_instance and v.source_id = f.source_id
    where v.version_no = 1 and v.canonical_status not in ('created', 'active')
    union all
    select v.*, v.canonical_status, v.source_changed_at
    from versions as v
    where v.version_no > 1 and v.canonical_status <> v.previous_status
)

select
    cast(e.source_system as varchar) as source_system,
    cast(e.source_instance as varchar) as source_instance,
    cast(e.source_id || ':' || e.version_no || ':' || e.told_status as varchar) as source_id,
    e.source_changed_at,
    e.seen_at,
    e.is_deleted,
    cast(e.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    e.source_id as project_source_id,
    cast(e.told_status as varchar) as status,
    e.occurred_at,
    cast(null as varchar) as actor
from events as e
