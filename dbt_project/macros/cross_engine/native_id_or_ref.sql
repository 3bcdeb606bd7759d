{# A payload value: the target's id where the column has it, else the reference that the engine fills in. #}
{% macro native_id_or_ref(column, entity, system, key) -%}
    {{ adapter.dispatch('native_id_or_ref')(column, entity, system, key) }}
{%- endmacro %}

{% macro default__native_id_or_ref(column, entity, system, key) -%}
    {# A struct has one type on engines without a JSON type, so the reference stands for known ids too. #}
    {{ native_ref(entity, system, key) }}
{%- endmacro %}

{% macro duckdb__native_id_or_ref(column, entity, system, key) -%}
    case when {{ column }} is not null then to_json({{ column }}) else {{ native_ref(entity, system, key) }} end
{%- endmacro %}
