{# Whole calendar days from one civil date to another; negative where the second is earlier. #}
{% macro days_between(first, second) -%}{{ adapter.dispatch('days_between')(first, second) }}{%- endmacro %}

{% macro default__days_between(first, second) -%}datediff({{ second }}, {{ first }}){%- endmacro %}

{% macro duckdb__days_between(first, second) -%}(cast({{ second }} as date) - cast({{ first }} as date)){%- endmacro %}
