with rate_card_lines as (
    {{ union_mapped('rate_card_line', ['kantata', 'tryton']) }}
)

select
    {{ row_key() }} as rate_card_line_sk,
    {{ surrogate_key(['source_system', 'source_instance', 'rate_card_ref']) }} as rate_card_key,
    rate_card_ref,
    role,
    currency,
    bill_rate,
    effective_from,
    recorded_at,
    source_system,
    source_instance,
    source_id,
    source_url,
    source_changed_at,
    seen_at,
    record_hash
from rate_card_lines
where not is_deleted
