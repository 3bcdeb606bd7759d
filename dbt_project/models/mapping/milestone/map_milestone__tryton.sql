{{ config(enabled='tryton' in var('systems')) }}
-- A task of a project that Tryton invoices on effort: billed whole, at its planned hours, once it is finished. Finished is
-- accepted; when, the event log knows.
with works as (
    select * from {{ ref('stg_tryton__works') }}
    where is_current
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
),

finishes as (
    select
        source_instance,
        {{ tryton_reference('resource', 'project.work') }} as work_id,
        max(created_at) as finished_at
    from {{ ref('stg_tryton__events') }}
    where is_current and event = 'write' and ',' || target || ',' like '%,progress,%'
    group by source_instance, resource
),

contract_lines as (
    select
        source_instance,
        contract_source_id,
        min(source_id) as source_id
    from {{ ref('map_contract_line__tryton') }}
    where billing_method = 'milestone'
    group by source_instance, contract_source_id
),

contracts as (
    select * from {{ ref('map_contract__tryton') }}
)

select
    cast(w.source_system as varchar) as source_system,
    cast(w.source_instance as varchar) as source_instance,
    cast(w.source_id as varchar) as source_id,
    w.source_changed_at,
    w.seen_at,
    w.is_deleted,
    cast(w.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    w.parent_id as project_source_id,
    'tryton:' || l.source_id as contract_line_ref,
    w.name,
    cast(w.effort_hours * w.list_price as decimal(18, 4)) as amount,
    k.currency,
    cast(null as date) as planned_date,
    cast(case when w.progress >= 1 then 'accepted' else 'planned' end as varchar) as status,
    case when w.progress >= 1 then coalesce(f.finished_at, w.source_changed_at) end as achieved_at,
    case when w.progress >= 1 then coalesce(f.finished_at, w.source_changed_at) end as accepted_at
from works as w
inner join works as p
    on w.source_instance = p.source_instance and w.parent_id = p.source_id and p.invoice_method = 'effort'
left join contracts as c on p.source_instance = c.source_instance and p.opportunity_id = c.opportunity_source_id
left join contract_lines as l on c.source_instance = l.source_instance and c.source_id = l.contract_source_id
left join company_codes as k on w.source_instance = k.source_instance and w.company_id = k.company_id
left join finishes as f on w.source_instance = f.source_instance and w.source_id = f.work_id
where w.type = 'task'
