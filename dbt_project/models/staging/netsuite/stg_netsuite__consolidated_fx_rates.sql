with versions as (
    {{ raw_versions(source('raw_netsuite', 'consolidated_fx_rate'), 'netsuite', 'consolidated_fx_rate') }}
)

select
    id as rate_id,
    postingperiod as period_id,
    fromcurrency as from_currency_id,
    tocurrency as to_currency_id,
    cast(currentrate as decimal(18, 9)) as closing_rate,
    cast(averagerate as decimal(18, 9)) as average_rate,
    cast(historicalrate as decimal(18, 9)) as historical_rate,
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
