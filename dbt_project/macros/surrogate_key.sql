{#
    The key of a source row, or of a canonical row: a hash of its parts in order. Null where any part is null, so
    a missing reference stays missing.

    Args:
        parts: SQL expressions, for a source row always (source_system, source_instance, source_id).
#}
{% macro surrogate_key(parts) -%}
    {%- set pieces = [] -%}
    {%- for part in parts -%}
        {%- do pieces.append('cast(' ~ part ~ ' as ' ~ dbt.type_string() ~ ')') -%}
        {%- if not loop.last %}{% do pieces.append("'|'") %}{% endif -%}
    {%- endfor -%}
    md5({{ pieces | join(' || ') }})
{%- endmacro %}
