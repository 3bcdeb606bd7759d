-- A word that no map knows reaches canonical as null or as itself; either way it stops here, with the record that
-- has it.
{%- set checks = [
    ('dim_opportunity', 'stage', ['qualify', 'propose', 'negotiate', 'closed_won', 'closed_lost']),
    ('evt_opportunity_stage', 'stage', ['qualify', 'propose', 'negotiate', 'closed_won', 'closed_lost']),
    ('dim_project', 'status', ['created', 'active', 'on_hold', 'closed', 'cancelled']),
    ('evt_project_status', 'status', ['created', 'active', 'on_hold', 'closed', 'cancelled']),
    ('evt_time_entry_status', 'status', ['draft', 'submitted', 'approved', 'rejected']),
    ('dim_contract_line', 'billing_method', ['time_and_materials', 'fixed_fee', 'milestone', 'retainer']),
    ('fct_invoice_line', 'line_type',
        ['time', 'rate_true_up', 'fixed_fee', 'milestone', 'retainer', 'overage', 'product']),
] %}
{%- for model, column, words in checks %}
select
    '{{ model }}' as model,
    source_system,
    source_id,
    {{ column }} as source_value
from {{ ref(model) }}
where {{ column }} is null
    or {{ column }} not in (
        '{{ words | join("', '") }}'
    )
{{ 'union all' if not loop.last }}
{%- endfor %}
