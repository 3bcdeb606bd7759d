{%- set attributes = [
    'employee_number', 'email', 'full_name', 'role', 'practice', 'legal_entity_code', 'manager_ref', 'hire_date',
    'termination_date', 'weekly_hours', 'is_active'
] -%}
with resources as (
    {{ union_mapped('resource', ['bamboohr', 'kantata', 'tryton']) }}
),

xref as (
    select * from {{ ref('xref_resource') }}
),

members as (
    select
        r.*,
        x.resource_sk,
        x.resource_key,
        true as is_survivor
    from resources as r
    inner join xref as x
        on r.source_system = x.source_system
        and r.source_instance = x.source_instance
        and r.source_id = x.source_id
),

{{ survivorship('resource', 'members', 'resource_key', attributes) }},

bounds as (
    select
        resource_key,
        {{ ordered_list('source_system', ',') }} as source_systems,
        max(source_changed_at) as source_changed_at,
        max(seen_at) as seen_at,
        min(case when is_deleted then 1 else 0 end) as all_deleted
    from members
    group by resource_key
)

select
    b.resource_key,
    r.resource_sk,
    g.employee_number,
    lower(g.email) as email,
    g.full_name,
    g.role,
    g.practice,
    g.legal_entity_code,
    g.manager_ref,
    cast(g.hire_date as date) as hire_date,
    cast(g.termination_date as date) as termination_date,
    cast(g.weekly_hours as decimal(9, 4)) as weekly_hours,
    coalesce(cast(g.is_active as boolean), false) as is_active,
    b.source_systems,
    r.source_system,
    r.source_instance,
    r.source_id,
    r.source_url,
    b.source_changed_at,
    b.seen_at,
    b.all_deleted = 1 as is_deleted,
    r.record_hash
from bounds as b
inner join xref as r on b.resource_key = r.resource_sk
left join golden as g on b.resource_key = g.resource_key
