{# Elapsed seconds from one UTC instant to another, with the fraction, as decimal(18,6). #}
{% macro seconds_between(first, second) -%}{{ adapter.dispatch('seconds_between')(first, second) }}{%- endmacro %}

{% macro default__seconds_between(first, second) -%}
    cast((unix_micros({{ second }}) - unix_micros({{ first }})) / 1000000.0 as decimal(18, 6))
{%- endmacro %}

{% macro duckdb__seconds_between(first, second) -%}
    cast((epoch_us({{ second }}) - epoch_us({{ first }})) / 1000000.0 as decimal(18, 6))
{%- endmacro %}
