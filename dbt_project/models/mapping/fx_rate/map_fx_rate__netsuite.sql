{{ config(enabled='netsuite' in var('systems')) }}
with spot as (
    select * from {{ ref('stg_netsuite__fx_rates') }}
    where is_current
),

consolidated as (
    select * from {{ ref('stg_netsuite__consolidated_fx_rates') }}
    where is_current
),

periods as (
    select * from {{ ref('stg_netsuite__accounting_periods') }}
    where is_current
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    r.source_system,
    r.source_instance,
    'currencyrate:' || r.source_id as source_id,
    r.source_changed_at,
    r.seen_at,
    r.is_deleted,
    r.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    f.currency as from_currency,
    t.currency as to_currency,
    'spot' as rate_type,
    r.rate_date,
    r.rate
from spot as r
inner join currencies as f on r.from_currency_id = f.currency_id and r.source_instance = f.source_instance
inner join currencies as t on r.to_currency_id = t.currency_id and r.source_instance = t.source_instance
union all
select
    r.source_system,
    r.source_instance,
    'consolidatedexchangerate:' || r.source_id as source_id,
    r.source_changed_at,
    r.seen_at,
    r.is_deleted,
    r.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    f.currency as from_currency,
    t.currency as to_currency,
    'closing' as rate_type,
    p.end_date as rate_date,
    r.closing_rate as rate
from consolidated as r
inner join periods as p on r.period_id = p.period_id and r.source_instance = p.source_instance
inner join currencies as f on r.from_currency_id = f.currency_id and r.source_instance = f.source_instance
inner join currencies as t on r.to_currency_id = t.currency_id and r.source_instance = t.source_instance
