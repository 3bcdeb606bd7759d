{{ config(enabled='tryton' in var('systems')) }}
-- Tryton keeps units of each currency for one of the base (the currency whose rate is always 1). Both directions are
-- told; the closing rate of a month is the one in force on its last day.
with rates as (
    select * from {{ ref('stg_tryton__currency_rates') }}
    where is_current and not is_deleted
),

bases as (
    select
        source_instance,
        min(currency) as base
    from (
        select
            source_instance,
            currency
        from rates
        group by source_instance, currency
        having min(rate) = 1 and max(rate) = 1
    ) as constant_rates
    group by source_instance
),

month_ends as (
    select distinct
        source_instance,
        end_date
    from {{ ref('stg_tryton__periods') }}
    where is_current and type = 'standard' and end_date <= cast('{{ var("now") }}' as date)
),

dated as (
    select
        r.*,
        b.base,
        'spot' as rate_type,
        r.rate_date as told_date
    from rates as r
    inner join bases as b on r.source_instance = b.source_instance and r.currency <> b.base
    union all
    select
        r.*,
        b.base,
        'closing',
        m.end_date
    from rates as r
    inner join bases as b on r.source_instance = b.source_instance and r.currency <> b.base
    inner join month_ends as m on r.source_instance = m.source_instance and r.rate_date <= m.end_date
    where not exists (
            select 1
            from rates as later
            where later.source_instance = r.source_instance
                and later.currency = r.currency
                and later.rate_date > r.rate_date
                and later.rate_date <= m.end_date
        )
),

directed as (
    select
        *,
        base as from_currency,
        currency as to_currency,
        rate as told_rate
    from dated
    union all
    select
        *,
        currency,
        base,
        cast(1 / cast(rate as double) as decimal(18, 9))
    from dated
)

select
    cast(d.source_system as varchar) as source_system,
    cast(d.source_instance as varchar) as source_instance,
    cast(d.from_currency || ':' || d.to_currency || ':' || d.rate_type || ':' || d.told_date as varchar) as source_id,
    d.source_changed_at,
    d.seen_at,
    d.is_deleted,
    cast(d.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    d.from_currency,
    d.to_currency,
    cast(d.rate_type as varchar) as rate_type,
    d.told_date as rate_date,
    cast(d.told_rate as decimal(18, 9)) as rate
from directed as d
