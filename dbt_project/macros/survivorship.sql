{#
    CTEs that choose each attribute's value among a canonical row's members: the owner's value wins even if older,
    then the surviving record of a merge, then the latest that says anything. Ownership is data (seeds/ownership.csv
    and seeds/system_roles.csv). The last CTE is `golden`: the key and one text column an attribute.

    Args:
        entity: name of the entity in the ownership seed.
        members: CTE with the key, the attributes, is_survivor, is_deleted, source_changed_at, source_system, <entity>_sk.
        key: the canonical key's column.
        attributes: names of the attributes.
#}
{% macro survivorship(entity, members, key, attributes) -%}
owners as (
    select
        o.attribute,
        r.system
    from {{ ref('ownership') }} as o
    inner join {{ ref('system_roles') }} as r on o.owning_role = r.role
    where o.entity = '{{ entity }}'
),

said as (
    {%- for attribute in attributes %}
    select
        {{ key }},
        {{ entity }}_sk,
        source_system,
        source_changed_at,
        is_survivor,
        is_deleted,
        '{{ attribute }}' as attribute,
        cast({{ attribute }} as {{ dbt.type_string() }}) as attribute_value
    from {{ members }}
    where {{ attribute }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

ranked as (
    select
        s.*,
        row_number() over (
            partition by s.{{ key }}, s.attribute
            order by
                s.is_deleted,
                case when o.system is not null then 0 else 1 end,
                case when s.is_survivor then 0 else 1 end,
                case when s.source_changed_at is null then 1 else 0 end,
                s.source_changed_at desc,
                s.{{ entity }}_sk
        ) as choice_no
    from said as s
    left join owners as o on s.attribute = o.attribute and s.source_system = o.system
),

golden as (
    select
        {{ key }}
        {%- for attribute in attributes %},
        max(case when attribute = '{{ attribute }}' then attribute_value end) as {{ attribute }}
        {%- endfor %}
    from ranked
    where choice_no = 1
    group by {{ key }}
)
{%- endmacro %}
