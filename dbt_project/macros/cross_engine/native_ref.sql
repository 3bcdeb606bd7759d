{#
    A payload value that stands for the target's id of a row that another sync delivers; the engine fills it in.

    Args:
        entity: what the row is in the identity cross-reference. system: the target's slug. key: SQL of our key.
#}
{% macro native_ref(entity, system, key) -%}{{ adapter.dispatch('native_ref')(entity, system, key) }}{%- endmacro %}

{% macro default__native_ref(entity, system, key) -%}
    named_struct('$ref', named_struct('entity', '{{ entity }}', 'system', '{{ system }}', 'key', {{ key }}))
{%- endmacro %}

{% macro duckdb__native_ref(entity, system, key) -%}
    json_object('$ref', json_object('entity', '{{ entity }}', 'system', '{{ system }}', 'key', {{ key }}))
{%- endmacro %}
