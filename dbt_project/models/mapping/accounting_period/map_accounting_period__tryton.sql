{{ config(enabled='tryton' in var('systems')) }}
-- A month of a company. Closed (may be opened again) and locked (may not) are both told; when, the event log knows.
with periods as (
    select * from {{ ref('stg_tryton__periods') }}
    where is_current and type = 'standard'
),

closings as (
    select
        source_instance,
        {{ tryton_reference('resource', 'account.period') }} as period_id,
        max(created_at) as closed_at
    from {{ ref('stg_tryton__events') }}
    where is_current and event = 'transition' and target = 'state:closed' and resource like 'account.period,%'
    group by source_instance, resource
)

select
    cast(p.source_system as varchar) as source_system,
    cast(p.source_instance as varchar) as source_instance,
    cast(p.source_id as varchar) as source_id,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    cast(p.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    p.company_id as legal_entity_source_id,
    cast({{ period_of('p.start_date') }} as varchar) as period,
    p.start_date,
    p.end_date,
    p.state as status,
    case when p.state <> 'open' then coalesce(c.closed_at, p.source_changed_at) end as closed_at
from periods as p
left join closings as c on p.source_instance = c.source_instance and p.source_id = c.period_id
