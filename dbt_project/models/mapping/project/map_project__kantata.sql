{{ config(enabled='kantata' in var('systems')) }}
-- A project is a workspace. A status that the seed does not know stays empty, and a test on staging names it.
with workspaces as (
    select * from {{ ref('stg_kantata__workspaces') }}
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
    cast(w.source_system as varchar) as source_system,
    cast(w.source_instance as varchar) as source_instance,
    cast(w.source_id as varchar) as source_id,
    w.source_changed_at,
    w.seen_at,
    w.is_deleted,
    cast(w.record_hash as varchar) as record_hash,
    'https://app.mavenlink.com/workspaces/' || w.source_id as source_url,
    coalesce(w.project_number, w.source_id) as project_number,
    w.title as name,
    w.workspace_group_id as customer_source_id,
    w.opportunity_ref,
    w.contract_ref,
    w.legal_entity_code,
    w.currency,
    w.billing_method,
    w.service_line,
    u.email as project_manager_ref,
    cast(s.status as varchar) as status,
    w.start_date,
    w.due_date as end_date,
    cast(w.planned_hours as decimal(9, 4)) as planned_hours,
    w.rate_card_id as rate_card_ref,
    w.created_at
from workspaces as w
left join users as u on w.source_instance = u.source_instance and w.manager_user_id = u.source_id
left join statuses as s on w.status_message = s.source_status
