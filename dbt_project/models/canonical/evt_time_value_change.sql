-- How the worth of an entry changed and why: by approval, by rate, by correction, by withdrawal. Each interval of
-- knowledge begins with its own value and ends by taking it back; what is left at an instant is the change.
with intervals as (
    select * from {{ ref('fct_time_entry_value') }}
),

turns as (
    select
        time_entry_key,
        known_from as known_at,
        cause,
        project_key,
        work_date,
        status,
        hours,
        billable_amount,
        currency
    from intervals
    union all
    select
        time_entry_key,
        known_to,
        lead(cause) over (partition by time_entry_key order by interval_no),
        project_key,
        work_date,
        status,
        -hours,
        -billable_amount,
        currency
    from intervals
)

select
    {{
        surrogate_key([
            'time_entry_key', 'known_at', 'status', 'cause', 'work_date', "coalesce(project_key, '')",
            "coalesce(currency, '')"
        ])
    }} as time_value_change_sk,
    time_entry_key,
    project_key,
    work_date,
    known_at,
    status,
    cause,
    cast(sum(hours) as decimal(18, 4)) as hours,
    cast(sum(billable_amount) as decimal(28, 10)) as amount,
    currency
from turns
where cause is not null and status in ('approved', 'submitted')
group by time_entry_key, project_key, work_date, known_at, status, cause, currency
having sum(hours) <> 0 or sum(billable_amount) <> 0
