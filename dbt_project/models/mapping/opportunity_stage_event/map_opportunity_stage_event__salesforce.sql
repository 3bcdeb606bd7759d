{{ config(enabled='salesforce' in var('systems')) }}
-- The won moment comes from here: CloseDate is what people expect, and they edit it.
with changes as (
    select * from {{ ref('stg_salesforce__opportunity_history') }}
    where is_current
),

stages as (
    select * from {{ ref('stage_map') }}
    where system = 'salesforce'
)

select
    c.source_system,
    c.source_instance,
    c.source_id,
    c.source_changed_at,
    c.seen_at,
    c.is_deleted,
    c.record_hash,
    c.source_url,
    c.opportunity_id as opportunity_source_id,
    s.stage,
    coalesce(s.stage = 'closed_won', false) as is_won,
    c.amount,
    c.currency,
    c.probability,
    c.occurred_at
from changes as c
left join stages as s on c.stage_name = s.source_stage
