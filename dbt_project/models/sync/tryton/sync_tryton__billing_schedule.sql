-- Tryton has no billing schedule: an invoice line that waits for its invoice stands for it. The CRM's copy of its id says
-- that it is there; its fields are not read back one by one.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'tryton'
),

wanted as (
    select
        *,
        replace(billing_schedule_ref, 'tryton:', '') as schedule_id,
        coalesce(contract_amount, amount) as schedule_amount
    from deals
)

select
    {{ outbox(
        key="'opp_' || opportunity_id || '_1'",
        reason='ineligible_reason',
        payload=json_payload([
            ['project', native_ref('project', 'tryton', 'provisioning_key')],
            ['billing_method', 'billing_method'],
            ['amount', 'schedule_amount'],
            ['currency', 'contract_currency'],
        ]),
        native_id='schedule_id',
        observed=json_payload([
            ['project', "replace(project_ref, 'tryton:', '')"],
            ['billing_method', 'billing_method'],
            ['amount', 'schedule_amount'],
            ['currency', 'contract_currency'],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='schedule_amount',
        currency='contract_currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
    ) }}
from wanted
