{{ config(enabled='kantata' in var('systems')) }}
-- A payment milestone is a story of that type; what it is worth is its budget.
with stories as (
    select * from {{ ref('stg_kantata__stories') }}
    where is_current and story_type = 'milestone'
),

workspaces as (
    select * from {{ ref('stg_kantata__workspaces') }}
    where is_current
)

select
    cast(s.source_system as varchar) as source_system,
    cast(s.source_instance as varchar) as source_instance,
    cast(s.source_id as varchar) as source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted or s.deleted_at is not null as is_deleted,
    cast(s.record_hash as varchar) as record_hash,
    'https://app.mavenlink.com/workspaces/' || s.workspace_id || '/tracker/' || s.source_id as source_url,
    s.workspace_id as project_source_id,
    s.contract_line_ref,
    s.title as name,
    cast(s.budget_amount as decimal(18, 4)) as amount,
    w.currency,
    s.due_date as planned_date,
    case
        when s.is_archived or s.deleted_at is not null then 'cancelled'
        when s.accepted_at is not null then 'accepted'
        when s.state = 'completed' then 'achieved'
        else 'planned'
    end as status,
    s.achieved_at,
    s.accepted_at
from stories as s
left join workspaces as w on s.source_instance = w.source_instance and s.workspace_id = w.source_id
