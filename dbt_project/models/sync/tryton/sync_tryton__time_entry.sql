-- Approved hours with their dimensions: in Tryton the PSA's line is the ERP's, so a note on it says that finance has it.
with time_entries as (
    select * from {{ ref('int_time_to_export') }}
    where source_system = 'tryton'
)

select
    {{ outbox(
        key="'tryton_' || source_id",
        reason='ineligible_reason',
        payload=json_payload([
            ['time_entry', 'source_id'],
            ['project', 'project_id'],
            ['employee', 'resource_id'],
            ['work_date', 'work_date'],
            ['hours', 'hours'],
            ['billable', 'billable'],
        ]),
        native_id='erp_entry_id',
        observed=json_payload([
            ['time_entry', 'source_id'],
            ['project', 'null'],
            ['employee', 'null'],
            ['work_date', 'null'],
            ['hours', 'null'],
            ['billable', 'null'],
        ]),
        business_key="coalesce(project_number, project_id) || ' ' || cast(work_date as " ~ dbt.type_string() ~ ")",
        client='client',
        amount='amount',
        currency='currency',
        legal_entity='legal_entity_code',
        posting_date='work_date',
        correlation_id='source_ref',
    ) }}
from time_entries
