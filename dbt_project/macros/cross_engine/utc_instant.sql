{#
    The UTC instant (naive timestamp) of a text with an offset ('2026-10-15T06:00:00-07:00') or of a timestamp with a
    zone. A plain cast to timestamp is not it: DuckDB drops the offset without a word.
#}
{% macro utc_instant(value) -%}{{ adapter.dispatch('utc_instant')(value) }}{%- endmacro %}

{# The session's time zone is UTC on Spark, and its cast reads the offset. #}
{% macro default__utc_instant(value) -%}cast({{ value }} as timestamp){%- endmacro %}

{% macro duckdb__utc_instant(value) -%}timezone('UTC', cast({{ value }} as timestamptz)){%- endmacro %}
