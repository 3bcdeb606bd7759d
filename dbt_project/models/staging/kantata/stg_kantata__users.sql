with versions as (
    {{ raw_versions(source('raw_kantata', 'users'), 'kantata', 'users') }}
)

select
    {{ version_columns() }},
    full_name,
    lower(email_address) as email,
    coalesce(disabled, false) as is_disabled,
    role_id,
    manager_id,
    cf_employee_number as employee_number,
    cf_practice as practice,
    cf_legal_entity as legal_entity_code
from versions
