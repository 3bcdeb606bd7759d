{# The civil date of a UTC instant (naive timestamp) in an IANA time zone. #}
{% macro utc_to_local_date(timestamp, zone) -%}{{ adapter.dispatch('utc_to_local_date')(timestamp, zone) }}{%- endmacro %}

{% macro default__utc_to_local_date(timestamp, zone) -%}
    cast(from_utc_timestamp({{ timestamp }}, {{ zone }}) as date)
{%- endmacro %}

{% macro duckdb__utc_to_local_date(timestamp, zone) -%}
    cast(timezone({{ zone }}, timezone('UTC', {{ timestamp }})) as date)
{%- endmacro %}
