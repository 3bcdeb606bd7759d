-- Rows that the gates keep out of every number, by measure. A source row counts once, and not at all where a later
-- version of it was accepted. Its legal entity is the one of its currency; a row without one belongs to the group.
with quarantine as (
    select * from {{ source('quality', 'quarantine') }}
),

exclusions as (
    select * from {{ ref('measure_exclusions') }}
),

entities as (
    select
        functional_currency,
        min(legal_entity_code) as legal_entity_code
    from {{ ref('dim_legal_entity') }}
    where not is_deleted
    group by functional_currency
    having count(*) = 1
),

accepted as (
    select
        source_system,
        source_instance,
        source_id,
        'time' as kind
    from {{ ref('xref_time_entry') }}
    union all
    select
        source_system,
        source_instance,
        source_id,
        'project' as kind
    from {{ ref('dim_project') }}
    union all
    select
        source_system,
        source_instance,
        source_id,
        'deal' as kind
    from {{ ref('dim_opportunity') }}
    union all
    select
        source_system,
        source_instance,
        source_id,
        'document' as kind
    from {{ ref('fct_invoice') }}
    union all
    select
        source_system,
        source_instance,
        source_id,
        'document' as kind
    from {{ ref('fct_credit_memo') }}
),

kinds as (
    select
        q.*,
        case
            when q.table_name in ('time_entries', 'timesheet_lines') then 'time'
            when q.table_name in ('workspaces', 'projects') then 'project'
            when q.table_name in ('opportunity', 'opportunities') then 'deal'
            when q.table_name in ('transaction', 'invoices') then 'document'
        end as kind
    from quarantine as q
)

select
    x.measure,
    k.system,
    k.table_name,
    k.instance,
    k.source_id,
    e.legal_entity_code,
    min(k.rule) as rule,
    max(abs(k.amount)) as amount,
    max(k.currency) as currency
from kinds as k
inner join exclusions as x on k.system = x.system and k.table_name = x.table_name
left join accepted as a
    on k.system = a.source_system
    and k.instance = a.source_instance
    and k.source_id = a.source_id
    and k.kind = a.kind
left join entities as e on k.currency = e.functional_currency
where a.source_id is null
group by x.measure, k.system, k.table_name, k.instance, k.source_id, e.legal_entity_code
