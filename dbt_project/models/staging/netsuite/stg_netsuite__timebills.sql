-- Planned and allocated hours share NetSuite's table with the actual ones; only timetype A was worked.
with versions as (
    {{ raw_versions(source('raw_netsuite', 'timebill'), 'netsuite', 'timebill', created_at='createddate') }}
)

select
    id as timebill_id,
    externalid as external_id,
    cast(trandate as date) as work_date,
    employee as employee_id,
    customer as customer_id,
    subsidiary as subsidiary_id,
    department as department_id,
    class as class_id,
    location as location_id,
    cast(hours as decimal(9, 4)) as hours,
    cast(rate as decimal(18, 6)) as rate,
    isbillable = 'T' as billable,
    approvalstatus as approval_status,
    custcol_psa_project as psa_project_id,
    custcol_psa_entry as psa_entry_id,
    {{ utc_instant('createddate') }} as created_at,
    source_system,
    source_instance,
    source_id,
    cast(source_changed_at as timestamp) as source_changed_at,
    cast(seen_at as timestamp) as seen_at,
    is_deleted,
    record_hash,
    version_no,
    cast(known_from as timestamp) as known_from,
    cast(known_to as timestamp) as known_to,
    is_current
from versions
where timetype = 'A'
