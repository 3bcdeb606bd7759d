-- What each entry is worth, by interval of knowledge: its state, rate and hours as they were known then. The
-- approved value at an instant is the row whose interval holds it; nothing here looks at a flag.
{%- set never = "cast('0001-01-01 00:00:00' as timestamp)" %}
{%- set ever = "cast('9999-12-31 00:00:00' as timestamp)" %}
with versions as (
    select * from {{ ref('fct_time_entry') }}
),

events as (
    select * from {{ ref('evt_time_entry_status') }}
),

rate_lines as (
    select * from {{ ref('fct_rate_card_line') }}
),

rated_days as (
    select distinct
        rate_card_key,
        role,
        work_date
    from versions
),

-- The line that applies to a work date as lines become known: the latest effective one among those recorded.
rate_steps as (
    select
        d.rate_card_key,
        d.role,
        d.work_date,
        l.bill_rate,
        l.recorded_at,
        l.effective_from,
        max(l.effective_from) over (
            partition by d.rate_card_key, d.role, d.work_date order by l.recorded_at, l.effective_from
            rows between unbounded preceding and current row
        ) as latest_effective_from
    from rated_days as d
    inner join rate_lines as l
        on d.rate_card_key = l.rate_card_key
        and d.role = l.role
        and d.work_date >= l.effective_from
),

rates as (
    select
        rate_card_key,
        role,
        work_date,
        bill_rate,
        recorded_at as known_from,
        coalesce(lead(recorded_at) over (
            partition by rate_card_key, role, work_date order by recorded_at, effective_from
        ), {{ ever }}) as known_to
    from rate_steps
    where effective_from = latest_effective_from
    union all
    select
        rate_card_key,
        role,
        work_date,
        null,
        {{ never }},
        min(recorded_at)
    from rate_steps
    group by rate_card_key, role, work_date
),

statuses as (
    select
        time_entry_key,
        status,
        occurred_at as known_from,
        coalesce(superseded_at, {{ ever }}) as known_to
    from events
    union all
    select
        time_entry_key,
        'draft',
        {{ never }},
        min(occurred_at)
    from events
    group by time_entry_key
),

pieces as (
    select
        v.time_entry_key,
        v.project_key,
        v.work_date,
        v.currency,
        v.is_deleted,
        s.status,
        cast(coalesce(r.bill_rate, v.bill_rate, 0) as decimal(18, 6)) as rate,
        cast(case when v.is_deleted then 0 else v.hours end as decimal(9, 4)) as hours,
        cast(case when v.billable and not v.is_deleted then v.hours else 0 end as decimal(9, 4)) as billable_hours,
        greatest(v.known_from, s.known_from, coalesce(r.known_from, {{ never }})) as known_from,
        least(coalesce(v.known_to, {{ ever }}), s.known_to, coalesce(r.known_to, {{ ever }})) as known_to
    from versions as v
    inner join statuses as s
        on v.time_entry_key = s.time_entry_key
        and s.known_from < coalesce(v.known_to, {{ ever }})
        and s.known_to > v.known_from
    left join rates as r
        on v.rate_card_key = r.rate_card_key
        and v.role = r.role
        and v.work_date = r.work_date
        and r.known_from < coalesce(v.known_to, {{ ever }})
        and r.known_to > v.known_from
),

valid as (
    select
        *,
        row_number() over (partition by time_entry_key order by known_from) as interval_no,
        lag(status) over (partition by time_entry_key order by known_from) as previous_status,
        lag(rate) over (partition by time_entry_key order by known_from) as previous_rate,
        lag(is_deleted) over (partition by time_entry_key order by known_from) as previous_is_deleted
    from pieces
    where known_from < known_to
)

select
    {{ surrogate_key(['time_entry_key', 'interval_no']) }} as time_entry_value_sk,
    time_entry_key,
    cast(interval_no as integer) as interval_no,
    known_from,
    known_to,
    case
        when is_deleted and not coalesce(previous_is_deleted, false) then 'deleted'
        when status = 'approved' and coalesce(previous_status, '') <> 'approved' then 'worked'
        when previous_status = 'approved' and status <> 'approved' then 'reversed'
        when status <> coalesce(previous_status, '') then status
        when rate <> previous_rate then 'rate_change'
        else 'corrected'
    end as cause,
    project_key,
    work_date,
    status,
    rate,
    hours,
    cast(billable_hours * rate as decimal(28, 10)) as billable_amount,
    currency,
    is_deleted
from valid
