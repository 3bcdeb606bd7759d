with periods as (
    {{ union_mapped('accounting_period', ['netsuite', 'tryton']) }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
)

select
    {{ row_key(alias='p') }} as accounting_period_sk,
    {{ row_key(alias='p') }} as accounting_period_key,
    e.legal_entity_key,
    e.legal_entity_code,
    p.period,
    p.start_date,
    p.end_date,
    p.status,
    p.closed_at,
    p.source_system,
    p.source_instance,
    p.source_id,
    p.source_url,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    p.record_hash
from periods as p
inner join legal_entities as e
    on p.source_system = e.source_system
    and p.source_instance = e.source_instance
    and p.legal_entity_source_id = e.source_id
where not p.is_deleted
