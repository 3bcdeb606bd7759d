{{ config(enabled='salesforce' in var('systems')) }}
with amendments as (
    select * from {{ ref('stg_salesforce__contract_amendments') }}
    where is_current
)

select
    a.source_system,
    a.source_instance,
    a.source_id,
    a.source_changed_at,
    a.seen_at,
    a.is_deleted,
    a.record_hash,
    a.source_url,
    a.contract_id as contract_source_id,
    a.amendment_no,
    a.effective_date,
    a.signed_at,
    a.amount_delta,
    a.hours_delta,
    a.new_nte_cap,
    a.reason
from amendments as a
