{# A UTC instant (naive timestamp) as text, 2026-03-31T09:00:00Z. #}
{% macro iso_instant(timestamp) -%}{{ adapter.dispatch('iso_instant')(timestamp) }}{%- endmacro %}

{% macro default__iso_instant(timestamp) -%}
    date_format({{ timestamp }}, "yyyy-MM-dd'T'HH:mm:ss'Z'")
{%- endmacro %}

{% macro duckdb__iso_instant(timestamp) -%}strftime({{ timestamp }}, '%Y-%m-%dT%H:%M:%SZ'){%- endmacro %}
