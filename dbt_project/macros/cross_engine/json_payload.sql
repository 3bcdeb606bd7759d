{#
    A JSON object as text, its keys in the given order: equal rows give equal text, so a payload can be compared.

    Args:
        fields: list of [name, SQL expression]; null stays in the object as null (it clears the field at the target).
#}
{% macro json_payload(fields) -%}{{ adapter.dispatch('json_payload')(fields) }}{%- endmacro %}

{% macro default__json_payload(fields) -%}
    to_json(named_struct({% for name, value in fields %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %}), map('ignoreNullFields', 'false'))
{%- endmacro %}

{% macro duckdb__json_payload(fields) -%}
    cast(json_object({% for name, value in fields %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %}) as varchar)
{%- endmacro %}
