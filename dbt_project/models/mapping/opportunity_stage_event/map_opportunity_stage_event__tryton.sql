{{ config(enabled='tryton' in var('systems')) }}
-- A revision that changed the stage, amount, probability or close date. Tryton keeps every revision, also those that only
-- changed the comment (where our ids and invoice states go): they are no events.
with compared as (
    select
        *,
        row_number() over revisions as revision_no,
        lag(state) over revisions as previous_state,
        lag(amount) over revisions as previous_amount,
        lag(probability) over revisions as previous_probability,
        lag(expected_close_date) over revisions as previous_close_date
    from {{ ref('stg_tryton__opportunity_revisions') }}
    where is_current
    window revisions as (partition by source_instance, opportunity_id order by revised_at)
),

stages as (
    select * from {{ ref('stage_map') }}
    where system = 'tryton'
)

select
    cast(r.source_system as varchar) as source_system,
    cast(r.source_instance as varchar) as source_instance,
    cast(r.source_id as varchar) as source_id,
    r.source_changed_at,
    r.seen_at,
    r.is_deleted,
    cast(r.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    r.opportunity_id as opportunity_source_id,
    cast(g.stage as varchar) as stage,
    r.state = 'won' as is_won,
    r.amount,
    r.currency,
    case r.state when 'won' then 100 when 'lost' then 0 when 'cancelled' then 0 else r.probability end as probability,
    r.revised_at as occurred_at
from compared as r
left join stages as g on r.state = g.source_stage
where r.revision_no = 1
    or r.state <> r.previous_state
    or coalesce(r.amount, 0) <> coalesce(r.previous_amount, 0)
    or coalesce(r.probability, 0) <> coalesce(r.previous_probability, 0)
    or coalesce(r.expected_close_date, cast('0001-01-01' as date))
    <> coalesce(r.previous_close_date, cast('0001-01-01' as date))
