-- Approved hours with their financial dimensions. What the ERP shows is read back through the entry's cross-reference;
-- its dimensions are not, so a row that the ledger has forgotten is sent once more, onto the same external id.
with time_entries as (
    select * from {{ ref('int_time_to_export') }}
    where source_system = 'kantata'
),

dimensions as (
    select * from {{ ref('erp_dimensions') }}
    where system = 'netsuite'
),

erp_customers as (
    select
        customer_key,
        min(source_id) as erp_customer_id
    from {{ ref('xref_customer') }}
    where source_system = 'netsuite' and is_survivor and not is_deleted
    group by customer_key
),

-- Customers that are in the ERP, or will be because a deal of theirs is approved.
deals as (
    select distinct customer_key
    from {{ ref('int_deal_to_provision') }}
    where ineligible_reason is null
),

wanted as (
    select
        t.*,
        cast(d.native_id as {{ dbt.type_string() }}) as department_id,
        cast(s.native_id as {{ dbt.type_string() }}) as class_id,
        cast(o.native_id as {{ dbt.type_string() }}) as location_id,
        c.erp_customer_id,
        case
            when t.ineligible_reason is not null then t.ineligible_reason
            when c.erp_customer_id is null and a.customer_key is null then 'customer not in the ERP'
            when d.native_id is null then 'no department for the practice'
            when s.native_id is null then 'no class for the service line'
            when o.native_id is null then 'no location for the legal entity'
        end as reason
    from time_entries as t
    left join dimensions as d on t.practice = d.code and d.dimension = 'department'
    left join dimensions as s on t.service_line = s.code and s.dimension = 'class'
    left join dimensions as o on t.legal_entity_code = o.code and o.dimension = 'location'
    left join erp_customers as c on t.customer_key = c.customer_key
    left join deals as a on t.customer_key = a.customer_key
)

select
    {{ outbox(
        key="'kantata_' || source_id",
        reason='reason',
        payload=json_payload([
            ['customer', native_id_or_ref('erp_customer_id', 'customer', 'netsuite', "'salesforce_' || account_id")],
            ['employee', 'employee_number'],
            ['subsidiary', 'legal_entity_id'],
            ['department', 'department_id'],
            ['class', 'class_id'],
            ['location', 'location_id'],
            ['tranDate', 'work_date'],
            ['hours', 'hours'],
            ['isBillable', 'billable'],
            ['rate', 'rate'],
            ['custcol_psa_project', 'project_id'],
            ['custcol_psa_entry', 'source_id'],
        ]),
        native_id="case when erp_system = 'netsuite' then erp_entry_id end",
        observed=json_payload([
            ['customer', 'null'],
            ['employee', 'null'],
            ['subsidiary', 'null'],
            ['department', 'null'],
            ['class', 'null'],
            ['location', 'null'],
            ['tranDate', 'null'],
            ['hours', 'null'],
            ['isBillable', 'null'],
            ['rate', 'null'],
            ['custcol_psa_project', 'null'],
            ['custcol_psa_entry', 'source_id'],
        ]),
        business_key="project_number || ' ' || cast(work_date as " ~ dbt.type_string() ~ ")",
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        posting_date='work_date',
        correlation_id='source_ref',
    ) }}
from wanted
