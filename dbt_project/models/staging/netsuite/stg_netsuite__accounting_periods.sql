with versions as (
    {{ raw_versions(source('raw_netsuite', 'accountingperiod'), 'netsuite', 'accountingperiod') }}
)

select
    id as period_id,
    periodname as name,
    cast(startdate as date) as start_date,
    cast(enddate as date) as end_date,
    closed = 'T' as is_closed,
    {{ utc_instant('closedondate') }} as closed_at,
    alllocked = 'T' or arlocked = 'T' as is_locked,
    isquarter = 'T' or isyear = 'T' or isadjust = 'T' as is_not_a_month,
    fiscalcalendar as fiscal_calendar_id,
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
