{{ config(enabled='tryton' in var('systems')) }}
-- Versions of timesheet lines. An entry is handed in as it is entered; a note on it says approved or rejected. The price is
-- that of its task, and its role the task's product. Seniority of people is in map_resource__tryton.
with lines as (
    select * from {{ ref('stg_tryton__timesheet_lines') }}
),

bookables as (
    select * from {{ ref('stg_tryton__timesheet_works') }}
    where is_current
),

works as (
    select * from {{ ref('stg_tryton__works') }}
    where is_current
),

projects as (
    select * from works
    where type = 'project'
),

products as (
    select * from {{ ref('stg_tryton__products') }}
    where is_current
),

employees as (
    select * from {{ ref('stg_tryton__employees') }}
    where is_current
),

contacts as (
    select * from {{ ref('stg_tryton__party_contacts') }}
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
),

approvals as (
    select
        source_instance,
        timesheet_line_id,
        max_by(approval, created_at) as approval,
        max(case when approval = 'approved' then created_at end) as approved_at
    from {{ ref('stg_tryton__notes') }}
    where is_current and not is_deleted and approval is not null
    group by source_instance, timesheet_line_id
)

select
    cast(t.source_system as varchar) as source_system,
    cast(t.source_instance as varchar) as source_instance,
    cast(t.source_id as varchar) as source_id,
    t.source_changed_at,
    t.seen_at,
    t.is_deleted,
    cast(t.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    t.known_from,
    t.known_to,
    coalesce(p.source_id, w.parent_id, w.source_id) as project_source_id,
    m.email as resource_ref,
    t.work_date,
    t.hours,
    coalesce(p.invoice_method, 'manual') <> 'manual' as billable,
    coalesce(lower(d.code), 'task') as role,
    w.source_id as rate_card_ref,
    w.list_price as bill_rate,
    t.cost_rate,
    k.currency,
    cast(coalesce(a.approval, 'submitted') as varchar) as status,
    a.approved_at,
    t.invoice_line_id is not null as is_billed,
    cast(null as varchar) as replaces_source_id,
    cast(null as varchar) as external_ref,
    t.created_at
from lines as t
left join bookables as b on t.source_instance = b.source_instance and t.timesheet_work_id = b.source_id
left join works as w on b.source_instance = w.source_instance and b.work_id = w.source_id
left join projects as p
    on w.source_instance = p.source_instance
    and case w.type when 'project' then w.source_id else w.parent_id end = p.source_id
left join products as d on w.source_instance = d.source_instance and w.product_id = d.source_id
left join employees as e on t.source_instance = e.source_instance and t.employee_id = e.source_id
left join contacts as m on e.source_instance = m.source_instance and e.party_id = m.party_id
left join company_codes as k on t.source_instance = k.source_instance and t.company_id = k.company_id
left join approvals as a on t.source_instance = a.source_instance and t.source_id = a.timesheet_line_id
