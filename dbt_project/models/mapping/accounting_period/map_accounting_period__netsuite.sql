{{ config(enabled='netsuite' in var('systems')) }}
-- One row a month and legal entity: the month is the calendar's, and a calendar may serve several entities.
with periods as (
    select * from {{ ref('stg_netsuite__accounting_periods') }}
    where is_current and not is_not_a_month
),

subsidiaries as (
    select * from {{ ref('stg_netsuite__subsidiaries') }}
    where is_current and not is_elimination
)

select
    p.source_system,
    p.source_instance,
    p.source_id || ':' || s.source_id as source_id,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    p.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    s.source_id as legal_entity_source_id,
    {{ period_of('p.start_date') }} as period,
    p.start_date,
    p.end_date,
    case
        when p.is_closed then 'closed'
        when p.is_locked then 'locked'
        else 'open'
    end as status,
    case when p.is_closed then p.closed_at end as closed_at
from periods as p
inner join subsidiaries as s
    on p.fiscal_calendar_id = s.fiscal_calendar_id
    and p.source_instance = s.source_instance
