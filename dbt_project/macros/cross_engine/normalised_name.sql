{# A company's name for comparison: lower case, no punctuation, no legal form. Evidence only: never a match by itself. #}
{% macro normalised_name(name) -%}{{ adapter.dispatch('normalised_name')(name) }}{%- endmacro %}

{% macro default__normalised_name(name) -%}
    trim(regexp_replace(regexp_replace(lower({{ name }}), '[^a-z0-9 ]', ''), '\\b(gmbh|ag|kg|se|inc|llc|ltd|corp|corporation|co|company|limited|plc|sa|bv)\\b', ''))
{%- endmacro %}

{% macro duckdb__normalised_name(name) -%}
    trim(regexp_replace(regexp_replace(lower({{ name }}), '[^a-z0-9 ]', '', 'g'), '\b(gmbh|ag|kg|se|inc|llc|ltd|corp|corporation|co|company|limited|plc|sa|bv)\b', '', 'g'))
{%- endmacro %}
