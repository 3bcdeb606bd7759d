with time_entries as (
    {{ union_mapped('time_entry', ['kantata', 'netsuite', 'tryton']) }}
),

xref as (
    select * from {{ ref('xref_time_entry') }}
    where is_origin
),

projects as (
    select * from {{ ref('dim_project') }}
),

resources as (
    select
        x.email,
        min(r.resource_key) as resource_key,
        min(r.role) as role
    from {{ ref('xref_resource') }} as x
    inner join {{ ref('dim_resource') }} as r on x.resource_key = r.resource_key
    where x.email is not null
    group by x.email
),

first_events as (
    select
        time_entry_key,
        min(occurred_at) as first_event_at
    from {{ ref('evt_time_entry_status') }}
    group by time_entry_key
),

versions as (
    select
        t.*,
        x.time_entry_key,
        x.time_entry_sk,
        f.first_event_at,
        row_number() over (partition by x.time_entry_key order by t.known_from, t.seen_at) as version_no
    from time_entries as t
    inner join xref as x
        on t.source_system = x.source_system
        and t.source_instance = x.source_instance
        and t.source_id = x.source_id
    left join first_events as f on x.time_entry_key = f.time_entry_key
)

select
    {{ surrogate_key(['v.time_entry_sk', 'v.version_no']) }} as time_entry_version_sk,
    v.time_entry_sk,
    v.time_entry_key,
    cast(v.version_no as integer) as version_no,
    case
        when v.version_no = 1 and v.first_event_at < v.known_from then v.first_event_at
        else v.known_from
    end as known_from,
    v.known_to,
    v.known_to is null as is_current,
    p.project_key,
    p.contract_line_key,
    r.resource_key,
    v.work_date,
    v.hours,
    v.billable,
    coalesce(v.role, r.role) as role,
    coalesce(
        {{ surrogate_key(['v.source_system', 'v.source_instance', 'v.rate_card_ref']) }}, p.rate_card_key
    ) as rate_card_key,
    v.bill_rate,
    v.cost_rate,
    coalesce(v.currency, p.currency) as currency,
    v.status,
    v.approved_at,
    v.is_billed,
    v.replaces_source_id,
    v.resource_ref,
    v.project_source_id,
    v.created_at,
    v.source_system,
    v.source_instance,
    v.source_id,
    v.source_system || ':' || v.source_id as source_ref,
    v.source_url,
    v.source_changed_at,
    v.seen_at,
    v.is_deleted,
    v.record_hash
from versions as v
left join projects as p
    on v.source_system = p.source_system
    and v.source_instance = p.source_instance
    and v.project_source_id = p.source_id
left join resources as r on v.resource_ref = r.email
