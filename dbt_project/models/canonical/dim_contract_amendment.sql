with amendments as (
    {{ union_mapped('contract_amendment', ['salesforce', 'tryton']) }}
)

select
    {{ row_key() }} as contract_amendment_sk,
    {{ row_key() }} as contract_amendment_key,
    {{ row_key('contract_source_id') }} as contract_key,
    amendment_no,
    effective_date,
    signed_at,
    case
        when cast(signed_at as date) > effective_date then cast(signed_at as date)
        else effective_date
    end as counts_from_date,
    amount_delta,
    hours_delta,
    new_nte_cap,
    reason,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    is_deleted,
    record_hash
from amendments
