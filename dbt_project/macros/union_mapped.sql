{#
    All systems' rows of one entity, for the systems that the firm has.

    Args:
        entity: folder name under models/mapping.
        systems: slugs of the systems that have a mapping for it.
    Raises a compiler error where the firm has none of them: an entity without a system is a landscape mistake.
#}
{% macro union_mapped(entity, systems) %}
    {%- set present = [] -%}
    {%- for system in systems if system in var('systems') %}{% do present.append(system) %}{% endfor -%}
    {#- A disabled model is parsed too; only one that is run may complain. #}
    {%- if not present and execute -%}
        {{ exceptions.raise_compiler_error("No system of this firm maps " ~ entity ~ "; it needs one of " ~ systems) }}
    {%- endif -%}
    {%- for system in present %}
    select * from {{ ref('map_' ~ entity ~ '__' ~ system) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}
