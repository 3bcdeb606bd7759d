with events as (
    {{ union_mapped('opportunity_stage_event', ['salesforce', 'tryton']) }}
),

ordered as (
    select
        {{ row_key() }} as opportunity_stage_sk,
        {{ row_key('opportunity_source_id') }} as opportunity_key,
        stage,
        is_won,
        amount,
        currency,
        probability,
        occurred_at,
        row_number() over (
            partition by source_system, source_instance, opportunity_source_id order by occurred_at, source_id
        ) as event_no,
        coalesce(lag(is_won) over (
            partition by source_system, source_instance, opportunity_source_id order by occurred_at, source_id
        ), false) as was_won,
        source_system,
        source_instance,
        source_id,
        source_url,
        source_changed_at,
        seen_at,
        record_hash
    from events
    where not is_deleted
)

select
    opportunity_stage_sk,
    opportunity_key,
    cast(event_no as integer) as event_no,
    stage,
    is_won,
    was_won,
    is_won and not was_won as enters_won,
    was_won and not is_won as leaves_won,
    amount,
    currency,
    probability,
    occurred_at,
    lead(occurred_at) over (partition by opportunity_key order by event_no) as superseded_at,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    record_hash
from ordered
