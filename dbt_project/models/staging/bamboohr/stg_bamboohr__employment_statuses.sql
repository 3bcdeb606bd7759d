with versions as (
    {{ raw_versions(source('raw_bamboohr', 'employment_status'), 'bamboohr', 'employment_status') }}
)

select
    {{ version_columns('v') }},
    v.employeeId as employee_id,
    cast(nullif(v.date, '0000-00-00') as date) as effective_date,
    v.employmentStatus as employment_status,
    v.comment,
    v.terminationReasonId as termination_reason,
    v.terminationTypeId as termination_type,
    v.terminationRehireId as termination_rehire
from versions as v
