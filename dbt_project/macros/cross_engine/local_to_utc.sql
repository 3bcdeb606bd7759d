{# The UTC instant (naive timestamp) of a wall-clock timestamp in an IANA time zone. #}
{% macro local_to_utc(timestamp, zone) -%}{{ adapter.dispatch('local_to_utc')(timestamp, zone) }}{%- endmacro %}

{% macro default__local_to_utc(timestamp, zone) -%}
    to_utc_timestamp({{ timestamp }}, {{ zone }})
{%- endmacro %}

{% macro duckdb__local_to_utc(timestamp, zone) -%}
    timezone('UTC', timezone({{ zone }}, {{ timestamp }}))
{%- endmacro %}
