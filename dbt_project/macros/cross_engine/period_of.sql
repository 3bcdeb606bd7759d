{# The month of a civil date as text, 2026-03. #}
{% macro period_of(day) -%}{{ adapter.dispatch('period_of')(day) }}{%- endmacro %}

{% macro default__period_of(day) -%}date_format({{ day }}, 'yyyy-MM'){%- endmacro %}

{% macro duckdb__period_of(day) -%}strftime({{ day }}, '%Y-%m'){%- endmacro %}
