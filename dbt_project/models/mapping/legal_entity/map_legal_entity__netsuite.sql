{{ config(enabled='netsuite' in var('systems')) }}
with subsidiaries as (
    select * from {{ ref('stg_netsuite__subsidiaries') }}
    where is_current and not is_elimination
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
)

select
    s.source_system,
    s.source_instance,
    s.source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    s.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    coalesce(s.code, s.name) as code,
    s.name,
    u.currency as functional_currency,
    s.country,
    s.time_zone
from subsidiaries as s
left join currencies as u on s.currency_id = u.currency_id and s.source_instance = u.source_instance
