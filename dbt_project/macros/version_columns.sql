{# What every staging model hands on of `raw_versions`: key, evidence and validity of the version, instants in UTC. #}
{% macro version_columns(alias=none) -%}
    {%- set p = alias ~ '.' if alias else '' -%}
    {{ p }}source_system,
    {{ p }}source_instance,
    {{ p }}source_id,
    {{ utc_instant(p ~ 'source_changed_at') }} as source_changed_at,
    {{ utc_instant(p ~ 'seen_at') }} as seen_at,
    {{ p }}is_deleted,
    {{ p }}record_hash,
    {{ p }}version_no,
    {{ utc_instant(p ~ 'known_from') }} as known_from,
    {{ utc_instant(p ~ 'known_to') }} as known_to,
    {{ p }}is_current
{%- endmacro %}
