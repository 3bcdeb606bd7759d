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
),

-- A credit memo that names no invoice corrects the one that it undoes: same customer and currency, equal and
-- opposite amount, posted in the 60 days before, and only one such invoice.
inferred as (
    select
        {{ row_key(alias='m') }} as credit_memo_key,
        min({{ row_key(alias='i') }}) as invoice_key
    from documents as m
    inner join documents as i
        on m.source_system = i.source_system
        and m.source_instance = i.source_instance
        and m.customer_source_id = i.customer_source_id
        and m.currency = i.currency
        and m.net_amount = -i.net_amount
    where m.document_type = 'credit_memo'
        and i.document_type = 'invoice'
        and m.corrects_source_id is null
        and i.posted_at <= m.posted_at
        and {{ days_between('cast(i.posted_at as date)', 'cast(m.posted_at as date)') }} <= 60
    group by {{ row_key(alias='m') }}
    having count(*) = 1
)

select
    {{ row_key(alias='d') }} as credit_memo_sk,
    {{ row_key(alias='d') }} as credit_memo_key,
    d.number as credit_memo_number,
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
    coalesce({{ row_key('corrects_source_id', 'd') }}, f.invoice_key) as corrects_invoice_key,
    case
        when d.corrects_source_id is not null then 'stated'
        when f.invoice_key is not null then 'inferred'
        else 'none'
    end as link_confidence,
    d.credit_reason,
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
left join inferred as f on {{ row_key(alias='d') }} = f.credit_memo_key
where d.document_type = 'credit_memo'
