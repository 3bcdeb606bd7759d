-- What is billed as one: a contract line with the projects that work for it; a project without a contract by itself.
with projects as (
    select * from {{ ref('dim_project') }}
),

contract_lines as (
    select * from {{ ref('dim_contract_line') }}
),

-- Amendments name their contract only: its first line takes them.
first_lines as (
    select
        contract_key,
        min(line_no) as line_no
    from contract_lines
    where not is_deleted
    group by contract_key
),

units as (
    select
        coalesce(contract_line_key, project_key) as billing_unit_key,
        min(contract_line_key) as contract_line_key,
        min(project_key) as project_key,
        min(customer_key) as customer_key,
        min(legal_entity_code) as legal_entity_code,
        min(currency) as currency,
        min(billing_method) as billing_method,
        sum(planned_hours) as planned_hours,
        cast(count(*) as integer) as n_projects
    from projects
    group by coalesce(contract_line_key, project_key)
)

select
    u.billing_unit_key,
    u.contract_line_key,
    l.contract_key,
    u.project_key,
    u.n_projects,
    u.customer_key,
    u.legal_entity_code,
    coalesce(u.currency, l.currency) as currency,
    coalesce(l.billing_method, u.billing_method) as billing_method,
    l.amount as price_amount,
    cast(coalesce(l.planned_hours, u.planned_hours) as decimal(18, 4)) as planned_hours,
    l.nte_cap as cap_amount,
    l.included_hours,
    l.overage_rate,
    f.line_no is not null as takes_amendments
from units as u
left join contract_lines as l on u.contract_line_key = l.contract_line_key
left join first_lines as f on l.contract_key = f.contract_key and l.line_no = f.line_no
