-- The sub-ledger of work in progress: a stock at (as_of, knowledge_at) is the sum of the rows with effective_date on
-- or before the one and known_at at or before the other. Nothing is overwritten: a new rate is the difference, a
-- withdrawn approval a negative row, a bill the negative of its net amount.
with time_changes as (
    select * from {{ ref('evt_time_value_change') }}
),

projects as (
    select * from {{ ref('dim_project') }}
),

milestones as (
    select * from {{ ref('dim_milestone') }}
    where accepted_at is not null and not is_deleted
),

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
    where is_posted
),

legal_entities as (
    select * from {{ ref('dim_legal_entity') }}
),

entry_projects as (
    select
        time_entry_key,
        min(project_key) as project_key
    from {{ ref('fct_time_entry') }}
    where is_current
    group by time_entry_key
),

movements as (
    select
        time_value_change_sk as source_key,
        case when status = 'approved' then 'worked' else 'unapproved' end as leg,
        cause,
        'time_entry' as item_type,
        time_entry_key as item_key,
        project_key,
        cast(null as {{ dbt.type_string() }}) as contract_line_key,
        work_date as effective_date,
        known_at,
        hours,
        amount,
        currency
    from time_changes
    union all
    select
        m.milestone_key,
        'accepted',
        'accepted',
        'milestone',
        m.milestone_key,
        m.project_key,
        m.contract_line_key,
        {{ utc_to_local_date('m.accepted_at', 'e.time_zone') }},
        m.accepted_at,
        cast(0 as decimal(18, 4)),
        cast(m.amount as decimal(28, 10)),
        m.currency
    from milestones as m
    inner join projects as p on m.project_key = p.project_key
    inner join legal_entities as e on p.legal_entity_code = e.legal_entity_code
    union all
    select
        l.invoice_line_key,
        'billed',
        case
            when l.document_type = 'credit_memo' then 'credited'
            when l.rebill_of_invoice_key is not null then 'rebilled'
            else 'billed'
        end,
        case when l.time_entry_key is not null then 'time_entry' else l.line_type end,
        coalesce(l.time_entry_key, l.milestone_key, l.invoice_line_key),
        coalesce(t.project_key, l.project_key),
        null,
        l.posted_date,
        l.posted_at,
        cast(0 as decimal(18, 4)),
        cast(-l.net_amount as decimal(28, 10)),
        l.currency
    from invoice_lines as l
    left join entry_projects as t on l.time_entry_key = t.time_entry_key
)

select
    {{ surrogate_key(['m.leg', 'm.source_key']) }} as wip_movement_sk,
    m.leg,
    m.cause,
    m.item_type,
    m.item_key,
    coalesce(m.contract_line_key, p.contract_line_key, p.project_key) as billing_unit_key,
    coalesce(m.contract_line_key, p.contract_line_key) as contract_line_key,
    m.project_key,
    p.legal_entity_code,
    m.effective_date,
    m.known_at,
    m.hours,
    m.amount,
    m.currency
from movements as m
inner join projects as p on m.project_key = p.project_key
