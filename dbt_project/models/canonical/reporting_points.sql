-- The points at which every stock is told: each month of each legal entity as it was reported at close and as it
-- is known now. A month that is not closed is told as known now only, and is provisional.
with periods as (
    select * from {{ ref('dim_accounting_period') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
    where not is_deleted
),

added as (
    select * from {{ ref('reporting_points_added') }}
),

clock as (
    select cast('{{ var("now") }}' as timestamp) as now_at
),

months as (
    select
        p.legal_entity_code,
        p.period,
        p.start_date,
        p.end_date,
        p.closed_at,
        c.now_at,
        coalesce(p.closed_at <= c.now_at, false) as is_closed,
        {{ utc_to_local_date('c.now_at', 'e.time_zone') }} as today
    from periods as p
    inner join legal_entities as e on p.legal_entity_key = e.legal_entity_key
    cross join clock as c
),

told as (
    select
        legal_entity_code,
        period,
        'as_reported' as basis,
        case when is_closed or end_date < today then end_date else today end as as_of,
        case when is_closed then closed_at else now_at end as knowledge_at,
        not is_closed as is_provisional
    from months
    where start_date <= today
    union all
    select
        legal_entity_code,
        period,
        'restated',
        case when is_closed or end_date < today then end_date else today end,
        now_at,
        not is_closed
    from months
    where start_date <= today
    union all
    select
        legal_entity_code,
        period,
        basis,
        as_of,
        knowledge_at,
        false
    from added
)

select
    {{
        surrogate_key(['t.legal_entity_code', 't.period', 't.basis', 't.as_of', 't.knowledge_at'])
    }} as reporting_point_key,
    t.legal_entity_code,
    t.period,
    t.basis,
    t.as_of,
    {{ local_to_utc('cast(t.as_of as timestamp) + interval 1 day', 'e.time_zone') }}
    - interval 1 microsecond as as_of_ends_at,
    t.knowledge_at,
    t.is_provisional,
    e.functional_currency,
    e.time_zone
from told as t
inner join legal_entities as e on t.legal_entity_code = e.legal_entity_code
