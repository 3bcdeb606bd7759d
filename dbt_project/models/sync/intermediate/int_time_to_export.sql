-- Hours of the go-live date or later, and why the ERP must not have them yet. What is older was exported before us.
with time_entries as (
    select * from {{ ref('fct_time_entry') }}
    where is_current and work_date >= cast('{{ var("time_export_go_live") }}' as date)
),

latest_events as (
    select
        time_entry_key,
        max_by(status, occurred_at) as status
    from {{ ref('evt_time_entry_status') }}
    group by time_entry_key
),

latest_values as (
    select
        time_entry_key,
        rate
    from {{ ref('fct_time_entry_value') }}
    where known_to = cast('9999-12-31 00:00:00' as timestamp)
),

projects as (
    select * from {{ ref('dim_project') }}
),

resources as (
    select * from {{ ref('dim_resource') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
    where not is_deleted
),

periods as (
    select * from {{ ref('dim_accounting_period') }}
),

pushed as (
    select
        time_entry_key,
        source_system as erp_system,
        min(source_id) as erp_entry_id
    from {{ ref('xref_time_entry') }}
    where not is_origin and not is_deleted
    group by time_entry_key, source_system
)

select
    t.time_entry_key,
    t.source_system,
    t.source_id,
    t.source_ref,
    case
        when t.is_deleted then 'entry deleted'
        when v.status <> 'approved' then 'not approved'
        when p.project_key is null then 'project not known'
        when c.customer_key is null then 'project without customer'
        when e.legal_entity_key is null then 'legal entity not known'
        when r.employee_number is null then 'employee not known'
        when a.status is null then 'no accounting period'
        when a.status <> 'open' then 'period not open'
    end as ineligible_reason,
    t.work_date,
    t.hours,
    t.billable,
    l.rate,
    t.currency,
    cast(case when t.billable then t.hours * l.rate else 0 end as decimal(18, 4)) as amount,
    p.source_id as project_id,
    p.project_number,
    p.service_line,
    p.legal_entity_code,
    e.source_id as legal_entity_id,
    r.employee_number,
    r.practice,
    r.source_id as resource_id,
    c.customer_key,
    c.name as client,
    c.source_id as account_id,
    x.erp_system,
    x.erp_entry_id
from time_entries as t
inner join latest_events as v on t.time_entry_key = v.time_entry_key
left join latest_values as l on t.time_entry_key = l.time_entry_key
left join projects as p on t.project_key = p.project_key
left join resources as r on t.resource_key = r.resource_key
left join customers as c on p.customer_key = c.customer_key
left join legal_entities as e on p.legal_entity_code = e.legal_entity_code
left join periods as a
    on e.legal_entity_key = a.legal_entity_key
    and t.work_date between a.start_date and a.end_date
left join pushed as x on t.time_entry_key = x.time_entry_key
