with rates as (
    {{ union_mapped('fx_rate', ['netsuite', 'tryton']) }}
)

select
    {{ row_key() }} as fx_rate_sk,
    from_currency,
    to_currency,
    rate_type,
    rate_date,
    rate,
    source_system,
    source_instance,
    source_id,
    source_changed_at,
    seen_at,
    record_hash
from rates
where not is_deleted
