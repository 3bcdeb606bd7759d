select
    c.source_instance,
    c.source_id as company_id,
    p.code as legal_entity_code,
    c.currency,
    c.party_id
from {{ ref('stg_tryton__companies') }} as c
inner join {{ ref('stg_tryton__parties') }} as p
    on c.source_instance = p.source_instance and c.party_id = p.source_id and p.is_current
where c.is_current
