{{ config(enabled='tryton' in var('systems')) }}
-- The first sale of a deal (or a sale without one) is the agreement; a further sale of the same deal amends it. Signed is when it was confirmed.
with agreements as (
    select * from {{ ref('stg_tryton__agreements') }}
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
)

select
    cast(s.source_system as varchar) as source_system,
    cast(s.source_instance as varchar) as source_instance,
    cast(s.source_id as varchar) as source_id,
    s.source_changed_at,
    s.seen_at,
    s.is_deleted,
    cast(s.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    s.number,
    s.opportunity_id as opportunity_source_id,
    s.party_id as customer_source_id,
    k.legal_entity_code,
    s.currency,
    cast(case s.state
        when 'draft' then 'draft'
        when 'quotation' then 'draft'
        when 'confirmed' then 'signed'
        when 'processing' then 'active'
        when 'done' then 'completed'
        else 'terminated'
    end as varchar) as status,
    s.signed_at,
    s.sale_date as start_date,
    cast(null as date) as end_date,
    s.net_amount as original_amount
from agreements as s
left join company_codes as k on s.source_instance = k.source_instance and s.company_id = k.company_id
where s.agreement_no = 1
