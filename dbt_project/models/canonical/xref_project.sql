-- Projects are made in the PSA; a system that holds a copy of one joins it by the reference that it stores.
with projects as (
    {{ union_mapped('project', ['kantata', 'tryton']) }}
)

select
    {{ row_key() }} as project_sk,
    {{ row_key() }} as project_key,
    'own_record' as match_rule,
    cast(1 as decimal(5, 4)) as match_score,
    'the PSA makes the project' as match_evidence,
    'rule' as decided_by,
    source_system,
    source_instance,
    source_id,
    source_system || ':' || source_id as source_ref,
    source_url,
    is_deleted,
    record_hash
from projects
