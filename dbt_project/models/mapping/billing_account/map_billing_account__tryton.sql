{{ config(enabled='tryton' in var('systems')) }}
-- A client as a company bills it: every pair that a deal or an invoice shows. The terms are those of its latest invoice
-- there; a party shows its own only for the company of whoever reads.
with parties as (
    select * from {{ ref('stg_tryton__parties') }}
    where is_current
),

invoices as (
    select * from {{ ref('stg_tryton__invoices') }}
    where is_current and type = 'out'
),

company_codes as (
    select * from {{ ref('stg_tryton__company_codes') }}
),

terms as (
    select * from {{ ref('stg_tryton__payment_terms') }}
    where is_current
),

term_days as (
    select
        source_instance,
        payment_term_id,
        min(days + 7 * weeks + 30 * months) as days
    from {{ ref('stg_tryton__payment_term_deltas') }}
    where is_current and not is_deleted
    group by source_instance, payment_term_id
),

pairs as (
    select
        source_instance,
        party_id,
        company_id,
        max_by(payment_term_id, created_at) as payment_term_id
    from (
        select source_instance, party_id, company_id, payment_term_id, created_at from invoices
        union all
        select source_instance, party_id, company_id, null, cast('0001-01-01' as timestamp)
        from {{ ref('stg_tryton__opportunities') }}
        where is_current and party_id is not null
    ) as seen
    group by source_instance, party_id, company_id
)

select
    cast(p.source_system as varchar) as source_system,
    cast(p.source_instance as varchar) as source_instance,
    cast(b.party_id || ':' || b.company_id as varchar) as source_id,
    p.source_changed_at,
    p.seen_at,
    p.is_deleted,
    cast(p.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    b.party_id as customer_source_id,
    b.company_id as legal_entity_source_id,
    t.name as payment_terms,
    cast(d.days as integer) as payment_terms_days,
    k.currency
from pairs as b
inner join parties as p on b.source_instance = p.source_instance and b.party_id = p.source_id
inner join company_codes as k on b.source_instance = k.source_instance and b.company_id = k.company_id
left join terms as t
    on b.source_instance = t.source_instance and coalesce(b.payment_term_id, p.customer_payment_term_id) = t.source_id
left join term_days as d on t.source_instance = d.source_instance and t.source_id = d.payment_term_id
