-- Posted invoices and what was paid, where sales looks.
with invoices as (
    select * from {{ ref('int_invoice_to_show') }}
),

shown as (
    select
        *,
        row_number() over (partition by invoice_key_text order by source_id) as choice_no
    from {{ ref('fct_invoice_status_shown') }}
    where source_system = 'salesforce' and not is_deleted
),

wanted as (
    select
        i.*,
        i.source_system || ':' || i.source_id as status_key,
        s.source_id as shown_id,
        s.invoice_number as shown_number,
        s.opportunity_source_id as shown_opportunity,
        s.account_source_id as shown_account,
        s.status as shown_status,
        s.net_amount as shown_net_amount,
        s.gross_amount as shown_gross_amount,
        s.open_amount as shown_open_amount,
        s.currency as shown_currency,
        s.invoice_date as shown_invoice_date,
        s.due_date as shown_due_date,
        s.posted_at as shown_posted_at,
        s.last_payment_date as shown_last_payment_date
    from invoices as i
    left join shown as s on i.source_system || ':' || i.source_id = s.invoice_key_text and s.choice_no = 1
)

select
    {{ outbox(
        key='status_key',
        reason='ineligible_reason',
        payload=json_payload([
            ['Invoice_Number__c', 'invoice_number'],
            ['Opportunity__c', "case when crm_system = 'salesforce' then opportunity_id end"],
            ['Account__c', "case when account_system = 'salesforce' then account_id end"],
            ['Status__c', 'status'],
            ['Net_Amount__c', 'net_amount'],
            ['Gross_Amount__c', 'gross_amount'],
            ['Open_Amount__c', 'open_amount'],
            ['CurrencyIsoCode', 'currency'],
            ['Invoice_Date__c', 'invoice_date'],
            ['Due_Date__c', 'due_date'],
            ['Posted_At__c', iso_instant('posted_at')],
            ['Last_Payment_Date__c', 'last_payment_date'],
        ]),
        native_id='shown_id',
        observed=json_payload([
            ['Invoice_Number__c', 'shown_number'],
            ['Opportunity__c', 'shown_opportunity'],
            ['Account__c', 'shown_account'],
            ['Status__c', 'shown_status'],
            ['Net_Amount__c', 'shown_net_amount'],
            ['Gross_Amount__c', 'shown_gross_amount'],
            ['Open_Amount__c', 'shown_open_amount'],
            ['CurrencyIsoCode', 'shown_currency'],
            ['Invoice_Date__c', 'shown_invoice_date'],
            ['Due_Date__c', 'shown_due_date'],
            ['Posted_At__c', iso_instant('shown_posted_at')],
            ['Last_Payment_Date__c', 'shown_last_payment_date'],
        ]),
        business_key='invoice_number',
        client='client',
        amount='gross_amount',
        currency='currency',
        legal_entity='legal_entity_code',
        correlation_id="source_system || ':' || source_id",
    ) }}
from wanted
