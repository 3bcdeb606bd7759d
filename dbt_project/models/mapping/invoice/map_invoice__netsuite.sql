{{ config(enabled='netsuite' in var('systems')) }}
-- Documents with what NetSuite keeps elsewhere: the company and the corrected invoice on the main line, the tax on tax
-- lines, the month of the books in the period, how it was settled in the links. A credit memo is negative.
with documents as (
    select * from {{ ref('stg_netsuite__transactions') }}
    where is_current and transaction_type in ('CustInvc', 'CustCred')
),

lines as (
    select * from {{ ref('stg_netsuite__transaction_lines') }}
    where is_current and not is_deleted
),

applications as (
    select * from {{ ref('stg_netsuite__applications') }}
    where is_current and not is_deleted
),

periods as (
    select * from {{ ref('stg_netsuite__accounting_periods') }}
    where is_current
),

currencies as (
    select * from {{ ref('stg_netsuite__currencies') }}
    where is_current
),

totals as (
    select
        source_instance,
        transaction_id,
        max(case when is_main_line then subsidiary_id end) as subsidiary_id,
        max(case when is_main_line then created_from_transaction_id end) as created_from_transaction_id,
        sum(case when is_tax_line then -signed_amount else 0 end) as tax_amount
    from lines
    group by source_instance, transaction_id
),

settled as (
    select
        source_instance,
        applied_to_transaction_id,
        sum(case when applied_type = 'CustPymt' then amount else 0 end) as paid_amount
    from applications
    group by source_instance, applied_to_transaction_id
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
    case when d.is_posting then d.transaction_number end as number,
    case d.transaction_type when 'CustInvc' then 'invoice' else 'credit_memo' end as document_type,
    d.customer_id as customer_source_id,
    t.subsidiary_id as legal_entity_source_id,
    'kantata:' || d.psa_project_id as project_ref,
    'salesforce:' || d.crm_contract_id as contract_ref,
    u.currency,
    d.transaction_date as invoice_date,
    d.due_date,
    case when d.is_posting then d.posted_at end as posted_at,
    case when d.is_posting then {{ period_of('p.start_date') }} end as posting_period,
    cast(d.gross_amount - coalesce(t.tax_amount, 0) as decimal(18, 4)) as net_amount,
    cast(coalesce(t.tax_amount, 0) as decimal(18, 4)) as tax_amount,
    d.gross_amount,
    cast(coalesce(d.open_amount, -d.unused_amount) as decimal(18, 4)) as open_amount,
    case
        when d.is_voided then 'void'
        when not d.is_posting then 'draft'
        when coalesce(d.open_amount, d.unused_amount) = 0 and d.transaction_type = 'CustInvc'
            and coalesce(s.paid_amount, 0) = 0 and d.gross_amount <> 0 then 'credited'
        when coalesce(d.open_amount, d.unused_amount) = 0 then 'paid'
        when coalesce(d.settled_amount, d.used_amount) > 0 then 'partly_paid'
        else 'posted'
    end as status,
    t.created_from_transaction_id as corrects_source_id,
    d.rebill_of_transaction_id as rebill_of_source_id,
    d.credit_reason,
    d.created_at
from documents as d
left join totals as t on d.transaction_id = t.transaction_id and d.source_instance = t.source_instance
left join settled as s on d.transaction_id = s.applied_to_transaction_id and d.source_instance = s.source_instance
left join periods as p on d.posting_period_id = p.period_id and d.source_instance = p.source_instance
left join currencies as u on d.currency_id = u.currency_id and d.source_instance = u.source_instance
