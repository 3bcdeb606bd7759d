{#
    The versions of one raw table: what staging reads instead of the table itself.

    Raw is an append-only change log. This drops the versions that the gate quarantined and those that equal the
    key's previous one (the cursor's overlap reads rows twice), and bounds each version in system time.

    Args:
        relation: the raw source.
        table: the source table's name, as the quarantine knows it.
        system: the system's slug.
        created_at: SQL of the source's creation time. The first version is known from then on: on a first load
            everything is seen today, though the source knew it earlier.
    Adds to the payload's columns: source_system, source_instance, source_id, source_changed_at, seen_at, is_deleted,
    record_hash, version_no, known_from, known_to (null: current), is_current.
#}
{% macro raw_versions(relation, system, table, created_at='null') %}
    with accepted as (
        select r.*
        from {{ relation }} as r
        where not exists (
            select 1
            from {{ source('quality', 'quarantine') }} as q
            where q.system = '{{ system }}' and q.table_name = '{{ table }}'
                and q.instance = r._instance and q.source_id = r._source_id and q.record_hash = r._hash
        )
    ),

    compared as (
        select
            *,
            lag(_hash) over (
                partition by _instance, _source_id order by _load_seq
            ) as _previous_hash
        from accepted
    ),

    versions as (
        select
            *,
            row_number() over (
                partition by _instance, _source_id order by _load_seq
            ) as version_no
        from compared
        where _previous_hash is null or _previous_hash <> _hash
    ),

    bounded as (
        select
            *,
            case
                when version_no = 1 then coalesce(cast({{ created_at }} as timestamp), _source_changed_at, _seen_at)
                else coalesce(_source_changed_at, _seen_at)
            end as known_from
        from versions
    )

    select
        *,
        '{{ system }}' as source_system,
        _instance as source_instance,
        _source_id as source_id,
        _source_changed_at as source_changed_at,
        _seen_at as seen_at,
        _is_deleted as is_deleted,
        _hash as record_hash,
        lead(known_from) over (partition by _instance, _source_id order by version_no) as known_to,
        lead(version_no) over (partition by _instance, _source_id order by version_no) is null as is_current
    from bounded
{% endmacro %}
