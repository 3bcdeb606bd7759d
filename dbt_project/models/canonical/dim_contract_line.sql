with contract_lines as (
    {{ union_mapped('contract_line', ['salesforce', 'tryton']) }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
)

select
    {{ row_key(alias='l') }} as contract_line_sk,
    {{ row_key(alias='l') }} as contract_line_key,
    {{ row_key('contract_source_id', 'l') }} as contract_key,
    l.line_no,
    l.billing_method,
    l.revenue_method,
    l.amount,
    coalesce(l.currency, k.currency) as currency,
    l.planned_hours,
    l.nte_cap,
    l.rate_card_ref,
    l.included_hours,
    l.overage_rate,
    k.contract_key is not null as has_contract,
    l.source_system,
    l.source_instance,
    l.source_id,
    l.source_system || ':' || l.source_id as source_ref,
    l.source_url,
    l.source_changed_at,
    l.seen_at,
    l.is_deleted,
    l.record_hash
from contract_lines as l
left join contracts as k on {{ row_key('contract_source_id', 'l') }} = k.contract_key
