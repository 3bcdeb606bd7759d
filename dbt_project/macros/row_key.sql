{# The _sk of a source row; `id` names the column that holds the id (a reference inside the same instance too). #}
{% macro row_key(id='source_id', alias=none) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {{ surrogate_key([prefix ~ 'source_system', prefix ~ 'source_instance', prefix ~ id]) }}
{%- endmacro %}
