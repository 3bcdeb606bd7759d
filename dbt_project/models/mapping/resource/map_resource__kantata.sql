{{ config(enabled='kantata' in var('systems')) }}
with users as (
    select * from {{ ref('stg_kantata__users') }}
    where is_current
),

roles as (
    select * from {{ ref('stg_kantata__roles') }}
    where is_current
)

select
    cast(u.source_system as varchar) as source_system,
    cast(u.source_instance as varchar) as source_instance,
    cast(u.source_id as varchar) as source_id,
    u.source_changed_at,
    u.seen_at,
    u.is_deleted,
    cast(u.record_hash as varchar) as record_hash,
    'https://app.mavenlink.com/users/' || u.source_id as source_url,
    u.employee_number,
    u.email,
    u.full_name,
    r.role,
    u.practice,
    u.legal_entity_code,
    m.email as manager_ref,
    cast(null as date) as hire_date,
    cast(null as date) as termination_date,
    cast(null as decimal(9, 4)) as weekly_hours,
    not u.is_disabled and not u.is_deleted as is_active
from users as u
left join users as m on u.source_instance = m.source_instance and u.manager_id = m.source_id
left join roles as r on u.source_instance = r.source_instance and u.role_id = r.source_id
