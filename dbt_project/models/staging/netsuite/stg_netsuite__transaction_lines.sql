-- Signs as NetSuite has them: the main line of an invoice is positive, its revenue and tax lines are negative.
with versions as (
    {{ raw_versions(source('raw_netsuite', 'transactionline'), 'netsuite', 'transactionline', created_at='linelastmodifieddate') }}
)

select
    uniquekey as line_key,
    transaction as transaction_id,
    cast(id as integer) as line_no,
    mainline = 'T' as is_main_line,
    taxline = 'T' as is_tax_line,
    item as item_id,
    subsidiary as subsidiary_id,
    createdfrom as created_from_transaction_id,
    custcol_line_type as line_type,
    custcol_psa_entry as psa_entry_id,
    custcol_milestone as psa_milestone_id,
    cast(quantity as decimal(18, 6)) as signed_quantity,
    cast(rate as decimal(18, 6)) as rate,
    cast(foreignamount as decimal(18, 4)) as signed_amount,
    cast(netamount as decimal(18, 4)) as signed_base_amount,
    source_system,
    source_instance,
    source_id,
    cast(source_changed_at as timestamp) as source_changed_at,
    cast(seen_at as timestamp) as seen_at,
    is_deleted,
    record_hash,
    version_no,
    cast(known_from as timestamp) as known_from,
    cast(known_to as timestamp) as known_to,
    is_current
from versions
