with versions as (
    {{ raw_versions(source('raw_netsuite', 'fx_rate'), 'netsuite', 'fx_rate') }}
)

select
    id as rate_id,
    transactioncurrency as from_currency_id,
    basecurrency as to_currency_id,
    cast(effectivedate as date) as rate_date,
    cast(exchangerate as decimal(18, 9)) as rate,
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
