with legal_entities as (
    {{ union_mapped('legal_entity', ['netsuite', 'tryton']) }}
)

select
    {{ row_key() }} as legal_entity_sk,
    {{ row_key() }} as legal_entity_key,
    code as legal_entity_code,
    name,
    functional_currency,
    country,
    time_zone,
    source_system,
    source_instance,
    source_id,
    source_system || ':' || source_id as source_ref,
    source_url,
    source_changed_at,
    seen_at,
    is_deleted,
    record_hash
from legal_entities
