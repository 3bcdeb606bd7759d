with milestones as (
    {{ union_mapped('milestone', ['kantata', 'tryton']) }}
),

projects as (
    select * from {{ ref('dim_project') }}
),

contract_lines as (
    select * from {{ ref('dim_contract_line') }}
)

select
    {{ row_key(alias='m') }} as milestone_sk,
    {{ row_key(alias='m') }} as milestone_key,
    coalesce(l.contract_line_key, p.contract_line_key) as contract_line_key,
    p.project_key,
    m.name,
    m.amount,
    coalesce(m.currency, p.currency) as currency,
    m.planned_date,
    m.status,
    m.achieved_at,
    m.accepted_at,
    m.source_system,
    m.source_instance,
    m.source_id,
    m.source_system || ':' || m.source_id as source_ref,
    m.source_url,
    m.source_changed_at,
    m.seen_at,
    m.is_deleted,
    m.record_hash
from milestones as m
left join projects as p
    on m.source_system = p.source_system
    and m.source_instance = p.source_instance
    and m.project_source_id = p.source_id
left join contract_lines as l on m.contract_line_ref = l.source_ref
