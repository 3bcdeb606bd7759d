{{ config(enabled='bamboohr' in var('systems')) }}
-- The account keeps the legal entity as the division, the practice as the department and the role as the job title.
with employees as (
    select * from {{ ref('stg_bamboohr__employees') }}
    where is_current
)

select
    cast(source_system as varchar) as source_system,
    cast(source_instance as varchar) as source_instance,
    cast(source_id as varchar) as source_id,
    source_changed_at,
    seen_at,
    is_deleted,
    cast(record_hash as varchar) as record_hash,
    '{{ var("bamboohr_url", "https://throughline.bamboohr.com") }}/employees/employee.php?id=' || source_id as source_url,
    employee_number,
    work_email as email,
    full_name,
    case lower(job_title)
        when 'partner' then 'partner'
        when 'manager' then 'manager'
        when 'senior consultant' then 'senior'
        when 'consultant' then 'consultant'
    end as role,
    department as practice,
    division as legal_entity_code,
    supervisor_employee_number as manager_ref,
    hire_date,
    termination_date,
    weekly_hours,
    is_active and not is_deleted as is_active
from employees
