{{ config(enabled='netsuite' in var('systems')) }}
-- Revenue lines only, their sign turned: main lines repeat the header, tax lines are the header's tax. Lines of a
-- document that the gate holds back stay out with it.
with lines as (
    select * from {{ ref('stg_netsuite__transaction_lines') }}
    where is_current and not is_main_line and not is_tax_line
),

documents as (
    select * from {{ ref('stg_netsuite__transactions') }}
    where is_current and transaction_type in ('CustInvc', 'CustCred')
)

select
    l.source_system,
    l.source_instance,
    l.source_id,
    l.source_changed_at,
    l.seen_at,
    l.is_deleted or d.is_deleted as is_deleted,
    l.record_hash,
    cast(null as {{ dbt.type_string() }}) as source_url,
    l.transaction_id as invoice_source_id,
    l.line_no,
    l.line_type,
    'kantata:' || l.psa_entry_id as time_entry_ref,
    'kantata:' || l.psa_milestone_id as milestone_ref,
    cast(-l.signed_quantity as decimal(9, 4)) as quantity,
    l.rate,
    cast(-l.signed_amount as decimal(18, 4)) as net_amount
from lines as l
inner join documents as d on l.transaction_id = d.transaction_id and l.source_instance = d.source_instance
