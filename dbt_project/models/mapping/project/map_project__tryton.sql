{{ config(enabled='tryton' in var('systems')) }}
-- A work of type project. Its way of billing is how Tryton invoices it; the deal is named in the comment, by the
-- firm or by our push. Hours planned are those of its tasks.
with works as (
    select * from {{ ref('stg_tryton__works') }}
    where is_current
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
),

billing_methods as (
    select * from {{ ref('stg_tryton__product_billing') }}
),

tasks as (
    select
        w.source_instance,
        w.parent_id,
        sum(w.effort_hours) as planned_hours,
        max_by(b.service_line, w.effort_hours) as service_line
    from works as w
    left join billing_methods as b on w.source_instance = b.source_instance and w.product_id = b.product_id
    where w.type = 'task' and not w.is_deleted
    group by w.source_instance, w.parent_id
),

statuses as (
    select * from {{ ref('project_status_map') }}
    where system = 'tryton'
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
    coalesce(w.number, w.source_id) as project_number,
    w.name,
    w.party_id as customer_source_id,
    'tryton:' || w.opportunity_id as opportunity_ref,
    cast(null as varchar) as contract_ref,
    k.legal_entity_code,
    k.currency,
    cast(case w.invoice_method
        when 'timesheet' then 'time_and_materials'
        when 'progress' then 'fixed_fee'
        when 'effort' then 'milestone'
    end as varchar) as billing_method,
    t.service_line,
    cast(null as varchar) as project_manager_ref,
    cast(s.status as varchar) as status,
    cast(w.created_at as date) as start_date,
    cast(null as date) as end_date,
    cast(coalesce(t.planned_hours, w.effort_hours) as decimal(9, 4)) as planned_hours,
    cast(null as varchar) as rate_card_ref,
    w.created_at
from works as w
left join company_codes as k on w.source_instance = k.source_instance and w.company_id = k.company_id
left join tasks as t on w.source_instance = t.source_instance and w.source_id = t.parent_id
left join statuses as s on w.status = s.source_status
where w.type = 'project'
