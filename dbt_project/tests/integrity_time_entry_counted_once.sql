-- Every source row of hours is the entry itself or a copy of one; current versions are as many as there are entries.
with origins as (
    select count(*) as n from {{ ref('xref_time_entry') }}
    where is_origin
),

current_versions as (
    select
        count(*) as n,
        count(distinct time_entry_key) as n_entries
    from {{ ref('fct_time_entry') }}
    where is_current
)

select
    o.n as origins,
    c.n as current_versions,
    c.n_entries
from origins as o
cross join current_versions as c
where o.n <> c.n or c.n <> c.n_entries
