select
    p.source_instance,
    p.source_id as product_id,
    p.code as product_code,
    lower(l.name) as service_line,
    case c.name
        when 'Time and materials' then 'time_and_materials'
        when 'Fixed fee' then 'fixed_fee'
        when 'Milestone' then 'milestone'
        when 'Retainer' then 'retainer'
    end as billing_method
from {{ ref('stg_tryton__products') }} as p
left join {{ ref('stg_tryton__product_categories') }} as l
    on p.source_instance = l.source_instance and p.account_category_id = l.source_id and l.is_current
left join {{ ref('stg_tryton__product_categories') }} as c
    on p.source_instance = c.source_instance
    and c.is_current
    and not c.is_accounting
    and p.category_ids like '%,' || c.source_id || ',%'
where p.is_current
