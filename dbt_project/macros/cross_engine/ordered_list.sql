{# The distinct values of a text column as one text, in order, with a separator. #}
{% macro ordered_list(expression, separator) -%}
    {{ adapter.dispatch('ordered_list')(expression, separator) }}
{%- endmacro %}

{% macro default__ordered_list(expression, separator) -%}
    array_join(array_sort(collect_set({{ expression }})), '{{ separator }}')
{%- endmacro %}

{% macro duckdb__ordered_list(expression, separator) -%}
    string_agg(distinct {{ expression }}, '{{ separator }}' order by {{ expression }})
{%- endmacro %}
