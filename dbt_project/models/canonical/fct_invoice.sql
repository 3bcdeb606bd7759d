with documents as (
    {{ union_mapped('invoice', ['netsuite', 'tryton']) }}
),

customers as (
    select * from {{ ref('xref_customer') }}
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
),

projects as (
    select * from {{ ref('dim_project') }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
)

select
    {{ row_key(alias='d') }} as invoice_sk,
    {{ row_key(alias='d') }} as invoice_key,
    d.number as invoice_number,
    c.customer_key,
    e.legal_entity_key,
    e.legal_entity_code,
    p.project_key,
    coalesce(k.contract_key, p.contract_key) as contract_key,
    d.currency,
    d.invoice_date,
    d.due_date,
    d.posted_at,
    {{ utc_to_local_date('d.posted_at', 'e.time_zone') }} as posted_date,
    d.posting_period,
    d.net_amount,
    d.tax_amount,
    d.gross_amount,
    d.open_amount,
    d.status,
    {{ row_key('rebill_of_source_id', 'd') }} as rebill_of_invoice_key,
    d.created_at,
    d.source_system,
    d.source_instance,
    d.source_id,
    d.source_system || ':' || d.source_id as source_ref,
    d.source_url,
    d.source_changed_at,
    d.seen_at,
    d.is_deleted,
    d.record_hash
from documents as d
left join customers as c
    on d.source_system = c.source_system
    and d.source_instance = c.source_instance
    and d.customer_source_id = c.source_id
left join legal_entities as e
    on d.source_system = e.source_system
    and d.source_instance = e.source_instance
    and d.legal_entity_source_id = e.source_id
left join projects as p on d.project_ref = p.source_ref
left join contracts as k on d.contract_ref = k.source_ref
where d.document_type = 'invoice'
