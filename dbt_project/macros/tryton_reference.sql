{# The id in a Tryton reference ('sale.opportunity,12') where it points to `model`, else null. #}
{% macro tryton_reference(column, model) -%}
    case when {{ column }} like '{{ model }},%' then replace({{ column }}, '{{ model }},', '') end
{%- endmacro %}
