-- What the ERP must know to bill an approved deal. The amount is the one that was signed: amendments are rows of the
-- contract, and the schedule's owner plans them. A deal may have several contracts: a schedule that names one of them
-- keeps it.
with deals as (
    select * from {{ ref('int_deal_to_provision') }}
    where crm_system = 'salesforce'
),

schedules as (
    select
        *,
        row_number() over (partition by opportunity_ref order by source_id) as choice_no
    from {{ ref('dim_billing_schedule') }}
    where source_system = 'netsuite' and not is_deleted
),

contracts as (
    select * from {{ ref('dim_contract') }}
    where not is_deleted
),

wanted as (
    select
        d.opportunity_id,
        d.opportunity_name,
        d.provisioning_key,
        d.ineligible_reason,
        d.account_id,
        d.client,
        d.billing_method,
        d.legal_entity_code,
        coalesce(k.source_id, d.contract_id) as contract_id,
        coalesce(k.original_amount, d.contract_amount, d.amount) as schedule_amount,
        coalesce(k.currency, d.contract_currency) as contract_currency,
        coalesce(k.start_date, d.start_date) as start_date,
        coalesce(k.end_date, d.end_date) as end_date,
        s.source_id as schedule_id,
        s.name as shown_name,
        s.customer_source_id as shown_customer,
        s.project_ref as shown_project,
        s.opportunity_ref as shown_opportunity,
        s.contract_ref as shown_contract,
        s.billing_method as shown_billing_method,
        s.amount as shown_amount,
        s.currency as shown_currency,
        s.start_date as shown_start_date,
        s.end_date as shown_end_date,
        s.status as shown_status
    from deals as d
    left join schedules as s on d.opportunity_ref = s.opportunity_ref and s.choice_no = 1
    left join contracts as k on s.contract_ref = k.source_ref and d.opportunity_key = k.opportunity_key
)

select
    {{ outbox(
        key="'opp_' || opportunity_id || '_1'",
        reason='ineligible_reason',
        payload=json_payload([
            ['name', 'opportunity_name'],
            ['custrecord_bs_customer', native_ref('customer', 'netsuite', "'salesforce_' || account_id")],
            ['custrecord_bs_project', native_ref('project', 'kantata', 'provisioning_key')],
            ['custrecord_bs_opportunity', 'opportunity_id'],
            ['custrecord_bs_contract', 'contract_id'],
            ['custrecord_bs_billing_method', 'billing_method'],
            ['custrecord_bs_amount', 'schedule_amount'],
            ['custrecord_bs_currency', 'contract_currency'],
            ['custrecord_bs_start_date', 'start_date'],
            ['custrecord_bs_end_date', 'end_date'],
            ['custrecord_bs_status', "'Active'"],
        ]),
        native_id='schedule_id',
        observed=json_payload([
            ['name', 'shown_name'],
            ['custrecord_bs_customer', 'shown_customer'],
            ['custrecord_bs_project', "replace(shown_project, 'kantata:', '')"],
            ['custrecord_bs_opportunity', "replace(shown_opportunity, 'salesforce:', '')"],
            ['custrecord_bs_contract', "replace(shown_contract, 'salesforce:', '')"],
            ['custrecord_bs_billing_method', 'shown_billing_method'],
            ['custrecord_bs_amount', 'shown_amount'],
            ['custrecord_bs_currency', 'shown_currency'],
            ['custrecord_bs_start_date', 'shown_start_date'],
            ['custrecord_bs_end_date', 'shown_end_date'],
            ['custrecord_bs_status', 'shown_status'],
        ]),
        business_key='opportunity_name',
        client='client',
        amount='schedule_amount',
        currency='contract_currency',
        legal_entity='legal_entity_code',
        correlation_id='provisioning_key',
    ) }}
from wanted
