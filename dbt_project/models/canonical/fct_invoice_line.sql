with lines as (
    {{ union_mapped('invoice_line', ['netsuite', 'tryton']) }}
),

invoices as (
    select * from {{ ref('fct_invoice') }}
),

credit_memos as (
    select * from {{ ref('fct_credit_memo') }}
),

documents as (
    select
        invoice_key as document_key,
        'invoice' as document_type,
        project_key,
        contract_key,
        customer_key,
        legal_entity_code,
        currency,
        invoice_date,
        posted_at,
        posted_date,
        status,
        rebill_of_invoice_key,
        is_deleted
    from invoices
    union all
    select
        credit_memo_key,
        'credit_memo',
        project_key,
        contract_key,
        customer_key,
        legal_entity_code,
        currency,
        invoice_date,
        posted_at,
        posted_date,
        status,
        cast(null as {{ dbt.type_string() }}),
        is_deleted
    from credit_memos
),

time_entries as (
    select * from {{ ref('xref_time_entry') }}
),

milestones as (
    select * from {{ ref('dim_milestone') }}
)

select
    {{ row_key(alias='l') }} as invoice_line_sk,
    {{ row_key(alias='l') }} as invoice_line_key,
    d.document_key,
    d.document_type,
    l.line_no,
    l.line_type,
    t.time_entry_key,
    m.milestone_key,
    l.time_entry_ref,
    l.milestone_ref,
    l.quantity,
    l.rate,
    l.net_amount,
    d.currency,
    d.project_key,
    d.contract_key,
    d.customer_key,
    d.legal_entity_code,
    d.invoice_date,
    d.posted_at,
    d.posted_date,
    d.rebill_of_invoice_key,
    d.posted_at is not null and d.status <> 'void' and not d.is_deleted as is_posted,
    l.source_system,
    l.source_instance,
    l.source_id,
    l.source_url,
    l.source_changed_at,
    l.seen_at,
    l.record_hash
from lines as l
inner join documents as d on {{ row_key('invoice_source_id', 'l') }} = d.document_key
left join time_entries as t on l.time_entry_ref = t.source_ref
left join milestones as m on l.milestone_ref = m.source_ref
where not l.is_deleted
