{{ config(enabled='tryton' in var('systems')) }}
-- An employee. The category of the party is the role; the number is the party's code.
with employees as (
    select * from {{ ref('stg_tryton__employees') }}
    where is_current
),

parties as (
    select * from {{ ref('stg_tryton__parties') }}
    where is_current
),

contacts as (
    select * from {{ ref('stg_tryton__party_contacts') }}
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
),

roles as (
    select
        p.source_instance,
        p.source_id as party_id,
        min(lower(c.name)) as role
    from parties as p
    inner join {{ ref('stg_tryton__party_categories') }} as c
        on p.source_instance = c.source_instance
        and c.is_current
        and p.category_ids like '%,' || c.source_id || ',%'
    group by p.source_instance, p.source_id
)

select
    cast(e.source_system as varchar) as source_system,
    cast(e.source_instance as varchar) as source_instance,
    cast(e.source_id as varchar) as source_id,
    e.source_changed_at,
    e.seen_at,
    e.is_deleted,
    cast(e.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    p.code as employee_number,
    m.email,
    p.name as full_name,
    r.role,
    cast(null as varchar) as practice,
    k.legal_entity_code,
    sm.email as manager_ref,
    e.start_date as hire_date,
    e.end_date as termination_date,
    cast(null as decimal(9, 4)) as weekly_hours,
    e.is_active and not e.is_deleted as is_active
from employees as e
left join parties as p on e.source_instance = p.source_instance and e.party_id = p.source_id
left join contacts as m on e.source_instance = m.source_instance and e.party_id = m.party_id
left join roles as r on e.source_instance = r.source_instance and e.party_id = r.party_id
left join company_codes as k on e.source_instance = k.source_instance and e.company_id = k.company_id
left join employees as se on e.source_instance = se.source_instance and e.supervisor_id = se.source_id
left join contacts as sm on se.source_instance = sm.source_instance and se.party_id = sm.party_id
