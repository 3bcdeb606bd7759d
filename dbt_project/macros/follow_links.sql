{#
    CTEs that follow parent links to their roots by doubling: after n rounds chains of 2^n links are resolved. The
    links must form a forest. The last CTE is <name>_<rounds>, with <key> and <root>.

    Args:
        name: prefix of the CTEs.
        start: SQL that selects key and root (the parent, or the key itself where there is none).
        key, root: the two column names.
        rounds: how often links are doubled; 3 resolves chains of eight.
#}
{% macro follow_links(name, start, key, root, rounds=3) -%}
{{ name }}_0 as (
    {{ start }}
)
{%- for round in range(1, rounds + 1) %},

{{ name }}_{{ round }} as (
    select
        near.{{ key }},
        coalesce(far.{{ root }}, near.{{ root }}) as {{ root }}
    from {{ name }}_{{ round - 1 }} as near
    left join {{ name }}_{{ round - 1 }} as far on near.{{ root }} = far.{{ key }}
)
{%- endfor %}
{%- endmacro %}
