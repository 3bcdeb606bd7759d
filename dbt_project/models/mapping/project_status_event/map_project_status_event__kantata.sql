{{ config(enabled='kantata' in var('systems')) }}
with changes as (
    select * from {{ ref('stg_kantata__workspace_status_changes') }}
    where is_current
),

users as (
    select * from {{ ref('stg_kantata__users') }}
    where is_current
),

statuses as (
    select * from {{ ref('project_status_map') }}
    where system = 'kantata'
)

select
    cast(c.source_system as varchar) as source_system,
    cast(c.source_instance as varchar) as source_instance,
    cast(c.source_id as varchar) as source_id,
    c.source_changed_at,
    c.seen_at,
    c.is_deleted,
    cast(c.record_hash as varchar) as record_hash,
    'https://app.mavenlink.com/workspaces/' || c.workspace_id as source_url,
    c.workspace_id as project_source_id,
    cast(s.status as varchar) as status,
    c.created_at as occurred_at,
    u.email as actor
from changes as c
left join users as u on c.source_instance = u.source_instance and c.user_id = u.source_id
left join statuses as s on c.to_status_message = s.source_status
