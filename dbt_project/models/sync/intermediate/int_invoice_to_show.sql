-- What sales wants to know of each invoice: where it stands, what is open, when money last came.
with invoices as (
    select * from {{ ref('fct_invoice') }}
    where not is_deleted
),

contracts as (
    select * from {{ ref('dim_contract') }}
),

projects as (
    select * from {{ ref('dim_project') }}
),

opportunities as (
    select * from {{ ref('dim_opportunity') }}
    where not is_deleted
),

customers as (
    select * from {{ ref('dim_customer') }}
),

payments as (
    select
        invoice_key,
        max(received_date) as last_payment_date
    from {{ ref('fct_payment') }}
    where not is_deleted
    group by invoice_key
)

select
    i.*,
    case
        when i.posted_at is null then 'invoice not posted'
        when i.status = 'void' then 'invoice void'
    end as ineligible_reason,
    o.source_id as opportunity_id,
    o.source_system as crm_system,
    c.source_id as account_id,
    c.source_system as account_system,
    c.name as client,
    y.last_payment_date
from invoices as i
left join contracts as k on i.contract_key = k.contract_key
left join projects as p on i.project_key = p.project_key
left join opportunities as o on coalesce(k.opportunity_key, p.opportunity_key) = o.opportunity_key
left join customers as c on i.customer_key = c.customer_key
left join payments as y on i.invoice_key = y.invoice_key
