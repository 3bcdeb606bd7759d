-- Of each party: the first e-mail address, the domain of its web site and the country of its first address.
with mechanisms as (
    select
        source_instance,
        party_id,
        min_by(value, case when type = 'email' then sequence else 1000000 + sequence end) as first_value,
        min(case when type = 'email' then 0 else 1 end) as has_no_email,
        max(case
            when type = 'website' then nullif(regexp_extract(value, '^(https?://)?(www[.])?([^/:]+)', 3), '')
        end) as domain
    from {{ ref('stg_tryton__contact_mechanisms') }}
    where is_current and is_active and not is_deleted
    group by source_instance, party_id
),

addresses as (
    select
        source_instance,
        party_id,
        min_by(country, sequence) as country
    from {{ ref('stg_tryton__party_addresses') }}
    where is_current and is_active and not is_deleted
    group by source_instance, party_id
)

select
    p.source_instance,
    p.source_id as party_id,
    case when m.has_no_email = 0 then m.first_value end as email,
    m.domain,
    a.country
from {{ ref('stg_tryton__parties') }} as p
left join mechanisms as m on p.source_instance = m.source_instance and p.source_id = m.party_id
left join addresses as a on p.source_instance = a.source_instance and p.source_id = a.party_id
where p.is_current
