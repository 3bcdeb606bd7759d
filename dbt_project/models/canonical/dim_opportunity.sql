with opportunities as (
    {{ union_mapped('opportunity', ['salesforce', 'tryton']) }}
),

stages as (
    select * from {{ ref('evt_opportunity_stage') }}
),

customers as (
    select * from {{ ref('xref_customer') }}
),

wins as (
    select
        opportunity_key,
        min(case when enters_won then occurred_at end) as first_won_at,
        max(case when enters_won then occurred_at end) as last_won_at,
        max(case when leaves_won then occurred_at end) as last_reopened_at,
        sum(case when leaves_won then 1 else 0 end) as n_reopened
    from stages
    group by opportunity_key
)

select
    {{ row_key(alias='o') }} as opportunity_sk,
    {{ row_key(alias='o') }} as opportunity_key,
    c.customer_key,
    o.name,
    o.stage,
    o.is_won,
    o.is_closed,
    o.amount,
    o.currency,
    o.probability,
    o.expected_close_date,
    o.service_line,
    o.is_services,
    o.billing_method,
    o.legal_entity_code,
    o.contract_approved_at,
    o.contract_approved_at is not null as is_contract_approved,
    w.first_won_at,
    case
        when w.last_reopened_at is null or w.last_won_at > w.last_reopened_at then w.last_won_at
    end as effective_won_at,
    cast(coalesce(w.n_reopened, 0) as integer) as n_reopened,
    o.owner_email,
    o.project_ref,
    o.erp_customer_ref,
    o.billing_schedule_ref,
    o.created_at,
    o.source_system,
    o.source_instance,
    o.source_id,
    o.source_system || ':' || o.source_id as source_ref,
    o.source_url,
    o.source_changed_at,
    o.seen_at,
    o.is_deleted,
    o.record_hash
from opportunities as o
left join customers as c
    on o.source_system = c.source_system
    and o.source_instance = c.source_instance
    and o.customer_source_id = c.source_id
left join wins as w on {{ row_key(alias='o') }} = w.opportunity_key
