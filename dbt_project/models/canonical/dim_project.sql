with projects as (
    {{ union_mapped('project', ['kantata', 'tryton']) }}
),

xref as (
    select * from {{ ref('xref_project') }}
),

customers as (
    select * from {{ ref('xref_customer') }}
),

opportunities as (
    select * from {{ ref('dim_opportunity') }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
    where not is_deleted
),

contract_lines as (
    select * from {{ ref('dim_contract_line') }}
    where not is_deleted
),

-- A project whose PSA does not store the contract delivers its deal's only one.
contract_of_deal as (
    select
        opportunity_key,
        min(contract_key) as contract_key
    from contracts
    where opportunity_key is not null
    group by opportunity_key
    having count(*) = 1
),

linked as (
    select
        p.*,
        x.project_sk,
        x.project_key,
        o.opportunity_key,
        coalesce(k.contract_key, d.contract_key) as contract_key,
        coalesce(c.customer_key, o.customer_key) as customer_key,
        coalesce(p.legal_entity_code, o.legal_entity_code) as entity_code
    from projects as p
    inner join xref as x
        on p.source_system = x.source_system
        and p.source_instance = x.source_instance
        and p.source_id = x.source_id
    left join customers as c
        on p.source_system = c.source_system
        and p.source_instance = c.source_instance
        and p.customer_source_id = c.source_id
    left join opportunities as o on p.opportunity_ref = o.source_ref
    left join contracts as k on p.contract_ref = k.source_ref
    left join contract_of_deal as d on o.opportunity_key = d.opportunity_key
),

-- The contract line that a project's work is billed by: of the project's own method, the first.
billed_by as (
    select
        p.project_key,
        l.contract_line_key,
        row_number() over (
            partition by p.project_key
            order by case when l.billing_method = p.billing_method then 0 else 1 end, l.line_no, l.contract_line_key
        ) as choice_no
    from linked as p
    inner join contract_lines as l on p.contract_key = l.contract_key
)

select
    p.project_sk,
    p.project_key,
    p.project_number,
    p.name,
    p.customer_key,
    p.opportunity_key,
    p.contract_key,
    b.contract_line_key,
    p.entity_code as legal_entity_code,
    p.currency,
    p.billing_method,
    p.service_line,
    p.project_manager_ref as project_manager,
    p.status,
    p.start_date,
    p.end_date,
    p.planned_hours,
    p.rate_card_ref,
    {{ surrogate_key(['p.source_system', 'p.source_instance', 'p.rate_card_ref']) }} as rate_card_key,
    p.opportunity_ref is null as is_orphan,
    p.opportunity_ref,
    p.contract_ref,
    p.customer_source_id as client_source_id,
    p.created_at,
    p.source_system,
    p.source_instance,
    p.source_id,
    p.source_system || ':' || p.source_id as source_ref,
    p.source_url,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    p.record_hash
from linked as p
left join billed_by as b on p.project_key = b.project_key and b.choice_no = 1
