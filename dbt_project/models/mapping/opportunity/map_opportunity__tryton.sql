{{ config(enabled='tryton' in var('systems')) }}
-- A deal. Its way of billing and service line are those of its largest line; a deal that sells no service needs no
-- project. The contract is approved when the first sale of the deal is confirmed.
with opportunities as (
    select * from {{ ref('stg_tryton__opportunities') }}
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
        opportunity_id,
        min(signed_at) as approved_at
    from {{ ref('stg_tryton__agreements') }}
    where state not in ('draft', 'quotation', 'cancelled')
    group by source_instance, opportunity_id
),

billing_methods as (
    select * from {{ ref('stg_tryton__product_billing') }}
),

subjects as (
    select
        l.source_instance,
        l.opportunity_id,
        max(case when b.billing_method is not null then 1 else 0 end) as has_service,
        max_by(b.billing_method, l.quantity) as billing_method,
        max_by(b.service_line, l.quantity) as service_line
    from {{ ref('stg_tryton__opportunity_lines') }} as l
    left join billing_methods as b on l.source_instance = b.source_instance and l.product_id = b.product_id
    where l.is_current and not l.is_deleted
    group by l.source_instance, l.opportunity_id
),

stages as (
    select * from {{ ref('stage_map') }}
    where system = 'tryton'
)

select
    cast(o.source_system as varchar) as source_system,
    cast(o.source_instance as varchar) as source_instance,
    cast(o.source_id as varchar) as source_id,
    o.source_changed_at,
    o.seen_at,
    o.is_deleted,
    cast(o.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    o.party_id as customer_source_id,
    coalesce(o.name, o.number) as name,
    cast(g.stage as varchar) as stage,
    o.state = 'won' as is_won,
    o.state in ('won', 'lost', 'cancelled') as is_closed,
    o.amount,
    o.currency,
    case o.state when 'won' then 100 when 'lost' then 0 when 'cancelled' then 0 else o.probability end as probability,
    o.expected_close_date,
    s.service_line,
    coalesce(s.has_service = 1, true) as is_services,
    s.billing_method,
    k.legal_entity_code,
    a.approved_at as contract_approved_at,
    m.email as owner_email,
    'tryton:' || o.written_project_id as project_ref,
    'tryton:' || o.written_customer_id as erp_customer_ref,
    'tryton:' || o.written_billing_schedule_id as billing_schedule_ref,
    o.created_at
from opportunities as o
left join stages as g on o.state = g.source_stage
left join subjects as s on o.source_instance = s.source_instance and o.source_id = s.opportunity_id
left join company_codes as k on o.source_instance = k.source_instance and o.company_id = k.company_id
left join approvals as a on o.source_instance = a.source_instance and o.source_id = a.opportunity_id
left join employees as e on o.source_instance = e.source_instance and o.employee_id = e.source_id
left join contacts as m on e.source_instance = m.source_instance and e.party_id = m.party_id
