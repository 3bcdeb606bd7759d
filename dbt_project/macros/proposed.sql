{#
    The value of a field that the target owns: proposed once, at creation; after that what the target shows stands,
    even where that is nothing.

    Args:
        native_id: column with the target's id, null while the row does not exist there.
        shown: column with what the target shows. proposal: SQL of what we propose.
#}
{% macro proposed(native_id, shown, proposal) -%}
    case when {{ native_id }} is not null then {{ shown }} else {{ proposal }} end
{%- endmacro %}
