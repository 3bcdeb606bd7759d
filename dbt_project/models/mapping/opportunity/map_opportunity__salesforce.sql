{{ config(enabled='salesforce' in var('systems')) }}
with deals as (
    select * from {{ ref('stg_salesforce__opportunities') }}
    where is_current
),

owners as (
    select * from {{ ref('stg_salesforce__users') }}
    where is_current
),

stages as (
    select * from {{ ref('stage_map') }}
    where system = 'salesforce'
)

select
    d.source_system,
    d.source_instance,
    d.source_id,
    d.source_changed_at,
    d.seen_at,
    d.is_deleted,
    d.record_hash,
    d.source_url,
    d.account_id as customer_source_id,
    d.name,
    s.stage,
    d.is_won,
    d.is_closed,
    d.amount,
    d.currency,
    d.probability,
    d.close_date as expected_close_date,
    d.service_line,
    d.is_services,
    d.billing_method,
    d.legal_entity_code,
    d.contract_approved_at,
    o.email as owner_email,
    'kantata:' || d.psa_project_id as project_ref,
    'netsuite:' || d.erp_customer_id as erp_customer_ref,
    'netsuite:' || d.billing_schedule_id as billing_schedule_ref,
    d.created_at
from deals as d
left join owners as o on d.owner_id = o.user_id and d.source_instance = o.source_instance
left join stages as s on d.stage_name = s.source_stage
