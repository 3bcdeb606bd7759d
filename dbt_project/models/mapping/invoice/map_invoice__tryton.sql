{{ config(enabled='tryton' in var('systems')) }}
-- A customer document. One whose total is negative is a credit memo. Posted is when it got its number, to the second. An
-- invoice that a posted credit memo cancelled is credited; one that was just cancelled is void.
with invoices as (
    select * from {{ ref('stg_tryton__invoices') }}
    where is_current and type = 'out'
),

lines as (
    select * from {{ ref('stg_tryton__invoice_lines') }}
    where is_current and not is_deleted and invoice_id is not null
),

terms as (
    select * from {{ ref('stg_tryton__payment_term_deltas') }}
    where is_current and not is_deleted
),

projects as (
    select
        l.source_instance,
        l.invoice_id,
        min(b.project_id) as project_id
    from lines as l
    inner join {{ ref('stg_tryton__billed_works') }} as b
        on l.source_instance = b.source_instance and coalesce(l.origin_line_id, l.source_id) = b.invoice_line_id
    group by l.source_instance, l.invoice_id
),

corrections as (
    select
        l.source_instance,
        l.invoice_id,
        min(o.invoice_id) as corrected_id
    from lines as l
    inner join lines as o on l.source_instance = o.source_instance and l.origin_line_id = o.source_id
    group by l.source_instance, l.invoice_id
),

agreements as (
    select
        l.source_instance,
        l.invoice_id,
        min(s.sale_id) as sale_id
    from lines as l
    inner join {{ ref('stg_tryton__sale_lines') }} as s
        on l.source_instance = s.source_instance and l.sale_line_id = s.source_id and s.is_current
    group by l.source_instance, l.invoice_id
),

credited as (
    select distinct
        c.source_instance,
        c.corrected_id
    from corrections as c
    inner join invoices as i on c.source_instance = i.source_instance and c.invoice_id = i.source_id
    where i.numbered_at is not null
),

term_days as (
    select
        source_instance,
        payment_term_id,
        min(days + 7 * weeks) as days,
        min(months) as months
    from terms
    group by source_instance, payment_term_id
)

select
    cast(i.source_system as varchar) as source_system,
    cast(i.source_instance as varchar) as source_instance,
    cast(i.source_id as varchar) as source_id,
    i.source_changed_at,
    i.seen_at,
    i.is_deleted,
    cast(i.record_hash as varchar) as record_hash,
    cast(null as varchar) as source_url,
    i.number,
    cast(case when i.gross_amount < 0 then 'credit_memo' else 'invoice' end as varchar) as document_type,
    i.party_id as customer_source_id,
    i.company_id as legal_entity_source_id,
    'tryton:' || p.project_id as project_ref,
    'tryton:' || a.sale_id as contract_ref,
    i.currency,
    i.invoice_date,
    cast({{ dbt.dateadd('day', 'coalesce(t.days, 0)', dbt.dateadd('month', 'coalesce(t.months, 0)', 'i.invoice_date')) }} as date) as due_date,
    i.numbered_at as posted_at,
    case when i.numbered_at is not null then cast({{ period_of('i.posting_date') }} as varchar) end as posting_period,
    i.net_amount,
    i.tax_amount,
    i.gross_amount,
    case when i.state = 'posted' then i.open_amount else cast(0 as decimal(18, 4)) end as open_amount,
    cast(case
        when i.state in ('draft', 'validated') then 'draft'
        when i.state = 'paid' then 'paid'
        when i.state = 'cancelled' and r.corrected_id is not null then 'credited'
        when i.state = 'cancelled' then 'void'
        when abs(i.open_amount) < abs(i.gross_amount) then 'partly_paid'
        else 'posted'
    end as varchar) as status,
    c.corrected_id as corrects_source_id,
    cast(null as varchar) as rebill_of_source_id,
    case when c.corrected_id is not null then i.description end as credit_reason,
    i.created_at
from invoices as i
left join projects as p on i.source_instance = p.source_instance and i.source_id = p.invoice_id
left join corrections as c on i.source_instance = c.source_instance and i.source_id = c.invoice_id
left join agreements as a on i.source_instance = a.source_instance and i.source_id = a.invoice_id
left join credited as r on i.source_instance = r.source_instance and i.source_id = r.corrected_id
left join term_days as t on i.source_instance = t.source_instance and i.payment_term_id = t.payment_term_id
