-- Every deal with what its provisioning needs, and why it needs none. A deal that is won again is the same deal: its
-- key does not change, so a second win can never make a second project.
with opportunities as (
    select * from {{ ref('dim_opportunity') }}
    where not is_deleted
),

customers as (
    select * from {{ ref('dim_customer') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
    where not is_deleted
),

contracts as (
    select
        *,
        row_number() over (partition by opportunity_key order by signed_at, contract_key) as choice_no
    from {{ ref('dim_contract') }}
    where not is_deleted
),

projects as (
    select
        *,
        row_number() over (partition by opportunity_key order by created_at, project_key) as choice_no
    from {{ ref('dim_project') }}
    where not is_deleted and opportunity_key is not null
)

select
    o.opportunity_key,
    o.source_system as crm_system,
    o.source_id as opportunity_id,
    o.source_ref as opportunity_ref,
    'opp:' || o.source_id || ':1' as provisioning_key,
    case
        when not o.is_services then 'not a services deal'
        when o.first_won_at is not null and o.effective_won_at is null then 'won and reopened'
        when o.effective_won_at is null then 'not won'
        when not o.is_contract_approved then 'contract not approved'
        when c.customer_key is null then 'customer not known'
        when e.legal_entity_key is null then 'legal entity not known'
    end as ineligible_reason,
    o.name as opportunity_name,
    o.amount,
    o.currency,
    o.billing_method,
    o.service_line,
    o.contract_approved_at,
    o.project_ref,
    o.erp_customer_ref,
    o.billing_schedule_ref,
    c.customer_key,
    c.name as client,
    c.source_id as account_id,
    e.legal_entity_key,
    e.legal_entity_code,
    e.source_id as legal_entity_id,
    k.source_id as contract_id,
    k.source_ref as contract_ref,
    k.original_amount as contract_amount,
    coalesce(k.currency, o.currency) as contract_currency,
    k.start_date,
    k.end_date,
    p.project_key,
    p.source_id as project_id
from opportunities as o
left join customers as c on o.customer_key = c.customer_key
left join legal_entities as e on o.legal_entity_code = e.legal_entity_code
left join contracts as k on o.opportunity_key = k.opportunity_key and k.choice_no = 1
left join projects as p on o.opportunity_key = p.opportunity_key and p.choice_no = 1
