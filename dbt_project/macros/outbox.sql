{#
    The columns of every outbox model, in the order and types of the contract (reverse_etl/spec.py).

    Args:
        key, reason, payload, native_id, business_key, correlation_id: SQL. `reason` is null where the row is eligible.
        observed: SQL of what the target shows; it is told only where the target has the row.
        client, amount, currency, legal_entity, posting_date, depends_on: SQL, null by default.
#}
{% macro outbox(
    key, reason, payload, native_id, observed, business_key, correlation_id, client='null', amount='null',
    currency='null', legal_entity='null', posting_date='null', depends_on='null'
) %}
    cast({{ key }} as {{ dbt.type_string() }}) as key,
    {{ reason }} is null as eligible,
    cast({{ reason }} as {{ dbt.type_string() }}) as ineligible_reason,
    cast({{ payload }} as {{ dbt.type_string() }}) as payload,
    cast({{ native_id }} as {{ dbt.type_string() }}) as observed_native_id,
    cast(case when {{ native_id }} is not null then {{ observed }} end as {{ dbt.type_string() }}) as observed_payload,
    cast({{ business_key }} as {{ dbt.type_string() }}) as business_key,
    cast({{ client }} as {{ dbt.type_string() }}) as client,
    cast({{ amount }} as decimal(18, 4)) as amount,
    cast(case when {{ amount }} is not null then {{ currency }} end as {{ dbt.type_string() }}) as currency,
    cast({{ legal_entity }} as {{ dbt.type_string() }}) as legal_entity_code,
    cast({{ posting_date }} as date) as posting_date,
    cast({{ correlation_id }} as {{ dbt.type_string() }}) as correlation_id,
    cast({{ depends_on }} as {{ dbt.type_string() }}) as depends_on
{% endmacro %}
