-- Which source rows are one worker: by employee number, else by work e-mail. The HRIS's row is the senior one.
with resources as (
    {{ union_mapped('resource', ['bamboohr', 'kantata', 'tryton']) }}
),

precedence as (
    select
        system,
        min(case when role = 'hris' then 0 else 1 end) as hris_first
    from {{ ref('system_roles') }}
    group by system
),

members as (
    select
        {{ row_key(alias='r') }} as resource_sk,
        nullif(trim(r.employee_number), '') as employee_number,
        nullif(lower(trim(r.email)), '') as email,
        row_number() over (
            order by p.hris_first, r.is_deleted, r.hire_date, r.source_system, r.source_instance, r.source_id
        ) as seniority,
        r.source_system,
        r.source_instance,
        r.source_id,
        r.source_url,
        r.is_deleted,
        r.record_hash
    from resources as r
    inner join precedence as p on r.source_system = p.system
),

pairs as (
    select
        a.resource_sk,
        b.resource_sk as parent_sk,
        b.seniority,
        1 as rule_no,
        'employee_number' as match_rule,
        'both have employee number ' || a.employee_number as match_evidence
    from members as a
    inner join members as b on a.employee_number = b.employee_number and a.seniority > b.seniority
    union all
    select
        a.resource_sk,
        b.resource_sk,
        b.seniority,
        2,
        'work_email',
        'both have the same work e-mail'
    from members as a
    inner join members as b on a.email = b.email and a.seniority > b.seniority
),

chosen as (
    select
        *,
        row_number() over (partition by resource_sk order by rule_no, seniority) as choice_no
    from pairs
),

parents as (
    select
        m.resource_sk,
        coalesce(c.parent_sk, m.resource_sk) as resource_key
    from members as m
    left join chosen as c on m.resource_sk = c.resource_sk and c.choice_no = 1
),

{{ follow_links('links', 'select * from parents', 'resource_sk', 'resource_key') }}

select
    m.resource_sk,
    l.resource_key,
    coalesce(c.match_rule, 'own_record') as match_rule,
    cast(case when c.rule_no = 2 then 0.95 else 1 end as decimal(5, 4)) as match_score,
    coalesce(c.match_evidence, 'no senior record matches') as match_evidence,
    'rule' as decided_by,
    m.email,
    m.source_system,
    m.source_instance,
    m.source_id,
    m.source_system || ':' || m.source_id as source_ref,
    m.source_url,
    m.is_deleted,
    m.record_hash
from members as m
inner join links_3 as l on m.resource_sk = l.resource_sk
left join chosen as c on m.resource_sk = c.resource_sk and c.choice_no = 1
