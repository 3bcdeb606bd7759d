with versions as (
    {{ raw_versions(source('raw_tryton', 'note'), 'tryton', 'note', created_at=utc_instant('create_date')) }}
)

select
    {{ version_columns() }},
    resource,
    {{ tryton_reference('resource', 'timesheet.line') }} as timesheet_line_id,
    message,
    case when message like 'Approved%' then 'approved' when message like 'Rejected%' then 'rejected' end as approval,
    cast(create_uid as {{ dbt.type_string() }}) as author_id,
    {{ utc_instant('create_date') }} as created_at
from versions
