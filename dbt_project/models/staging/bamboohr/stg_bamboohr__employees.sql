-- An empty date is '0000-00-00' at the source. The source keeps no creation time.
with versions as (
    {{ raw_versions(source('raw_bamboohr', 'employees'), 'bamboohr', 'employees') }}
)

select
    {{ version_columns() }},
    employeeNumber as employee_number,
    firstName as first_name,
    lastName as last_name,
    coalesce(displayName, firstName || ' ' || lastName) as full_name,
    lower(nullif(trim(workEmail), '')) as work_email,
    jobTitle as job_title,
    department,
    division,
    location,
    status = 'Active' as is_active,
    employmentHistoryStatus as employment_status,
    supervisorId as supervisor_employee_number,
    cast(nullif(hireDate, '0000-00-00') as date) as hire_date,
    cast(nullif(terminationDate, '0000-00-00') as date) as termination_date,
    cast(standardHoursPerWeek as decimal(9, 4)) as weekly_hours
from versions
