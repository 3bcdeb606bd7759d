-- Which source rows are one entry. A row that stores the id of an entry of a system nearer to the person's own
-- time sheet was pushed there: it joins that entry and is never counted, even where we don't have that entry.
with time_entries as (
    {{ union_mapped('time_entry', ['kantata', 'netsuite', 'tryton']) }}
),

precedence as (
    select
        system,
        min(precedence) as precedence
    from {{ ref('system_roles') }}
    group by system
),

members as (
    select
        {{ row_key(alias='t') }} as time_entry_sk,
        t.source_system || ':' || t.source_id as source_ref,
        t.external_ref,
        p.precedence,
        t.source_system,
        t.source_instance,
        t.source_id,
        t.source_url,
        t.is_deleted,
        t.record_hash
    from time_entries as t
    inner join precedence as p on t.source_system = p.system
    where t.known_to is null
),

origins as (
    select
        m.time_entry_sk,
        o.time_entry_sk as origin_sk,
        row_number() over (partition by m.time_entry_sk order by o.is_deleted, o.time_entry_sk) as choice_no
    from members as m
    inner join members as o
        on m.external_ref = o.source_ref
        and (m.precedence > o.precedence or (m.precedence = o.precedence and o.external_ref is null))
    where m.time_entry_sk <> o.time_entry_sk
)

select
    m.time_entry_sk,
    coalesce(o.origin_sk, m.time_entry_sk) as time_entry_key,
    case
        when o.origin_sk is not null then 'stored_reference'
        when r.system is not null then 'stored_reference_unknown'
        else 'own_record'
    end as match_rule,
    cast(1 as decimal(5, 4)) as match_score,
    coalesce(m.source_ref || ' stores ' || m.external_ref, 'entered here') as match_evidence,
    'rule' as decided_by,
    o.origin_sk is null and r.system is null as is_origin,
    m.source_system,
    m.source_instance,
    m.source_id,
    m.source_ref,
    m.source_url,
    m.is_deleted,
    m.record_hash
from members as m
left join origins as o on m.time_entry_sk = o.time_entry_sk and o.choice_no = 1
left join precedence as r on m.external_ref like r.system || ':%' and r.precedence < m.precedence
