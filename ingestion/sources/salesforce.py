"""Salesforce to raw: customers, deals and their history, contracts, and what our own push shows of invoices.

Data flow (`/services/data/vXX.0/queryAll`, one query an object):

    Account                -> raw_salesforce.account
    Opportunity            -> raw_salesforce.opportunity
    OpportunityHistory     -> raw_salesforce.opportunity_history   one row a change; SystemModstamp moves once superseded
    Contract               -> raw_salesforce.contract
    Contract_Line__c       -> raw_salesforce.contract_line
    Contract_Amendment__c  -> raw_salesforce.contract_amendment
    Invoice_Status__c      -> raw_salesforce.invoice_status
    User                   -> raw_salesforce.users                 owners' names and e-mail: personal data, kept apart

Key: `Id`. Cursor: `SystemModstamp`, with the pipeline's overlap. Deletes: `queryAll` shows the recycle bin, so a deleted
or merged record comes once more with `IsDeleted` (and `MasterRecordId`); what was purged from the bin before we looked
is found by a sweep of ids. Users can't be deleted. Custom fields that an administrator adds come by themselves.

Dates and instants stay the vendor's text (`2026-10-15T06:00:00.000+0000`, which Arrow's parser does not take); staging
casts them.
"""

from __future__ import annotations

import pyarrow as pa

from ingestion.resource import Reader, Resource, Source

_TEXT, _NUMBER, _FLAG = pa.string(), pa.float64(), pa.bool_()
_STAMPS = (("CreatedDate", _TEXT), ("LastModifiedDate", _TEXT), ("SystemModstamp", _TEXT))


def _resource(table: str, name: str, *columns: tuple[str, pa.DataType]) -> Resource:
    return Resource(
        table,
        name,
        ("Id",),
        pa.schema([("Id", _TEXT), ("IsDeleted", _FLAG), *columns]),
        changed_at="SystemModstamp",
        deletes="sweep",
        deleted_flag="IsDeleted",
    )


RESOURCES = (
    _resource(
        "account",
        "Account",
        ("OwnerId", _TEXT),
        ("MasterRecordId", _TEXT),
        ("Name", _TEXT),
        ("Type", _TEXT),
        ("ParentId", _TEXT),
        ("BillingCountry", _TEXT),
        ("BillingCountryCode", _TEXT),
        ("Industry", _TEXT),
        ("Website", _TEXT),
        ("AccountNumber", _TEXT),
        ("CurrencyIsoCode", _TEXT),
        ("Legal_Name__c", _TEXT),
        ("Tax_Registration_Id__c", _TEXT),
        ("Throughline_Key__c", _TEXT),
        ("ERP_Customer_Id__c", _TEXT),
        ("PSA_Client_Id__c", _TEXT),
        *_STAMPS,
    ),
    _resource(
        "opportunity",
        "Opportunity",
        ("OwnerId", _TEXT),
        ("AccountId", _TEXT),
        ("Name", _TEXT),
        ("StageName", _TEXT),
        ("Amount", _NUMBER),
        ("Probability", _NUMBER),
        ("ExpectedRevenue", _NUMBER),
        ("CloseDate", _TEXT),
        ("ForecastCategoryName", _TEXT),
        ("IsClosed", _FLAG),
        ("IsWon", _FLAG),
        ("CurrencyIsoCode", _TEXT),
        ("Contract_Approved_At__c", _TEXT),
        ("Service_Line__c", _TEXT),
        ("Is_Services__c", _FLAG),
        ("Billing_Method__c", _TEXT),
        ("Legal_Entity__c", _TEXT),
        ("PSA_Project_Id__c", _TEXT),
        ("ERP_Customer_Id__c", _TEXT),
        ("Billing_Schedule_Id__c", _TEXT),
        ("Provisioning_Status__c", _TEXT),
        *_STAMPS,
    ),
    _resource(
        "opportunity_history",
        "OpportunityHistory",
        ("OpportunityId", _TEXT),
        ("StageName", _TEXT),
        ("Amount", _NUMBER),
        ("Probability", _NUMBER),
        ("CloseDate", _TEXT),
        ("ForecastCategory", _TEXT),
        ("CurrencyIsoCode", _TEXT),
        ("CreatedById", _TEXT),
        ("CreatedDate", _TEXT),
        ("SystemModstamp", _TEXT),
    ),
    _resource(
        "contract",
        "Contract",
        ("OwnerId", _TEXT),
        ("AccountId", _TEXT),
        ("ContractNumber", _TEXT),
        ("Status", _TEXT),
        ("StartDate", _TEXT),
        ("EndDate", _TEXT),
        ("ContractTerm", pa.int64()),
        ("ActivatedDate", _TEXT),
        ("CurrencyIsoCode", _TEXT),
        ("Opportunity__c", _TEXT),
        ("Legal_Entity__c", _TEXT),
        ("Amount__c", _NUMBER),
        ("Signed_At__c", _TEXT),
        *_STAMPS,
    ),
    _resource(
        "contract_line",
        "Contract_Line__c",
        ("Name", _TEXT),
        ("CurrencyIsoCode", _TEXT),
        ("Contract__c", _TEXT),
        ("Line_No__c", _NUMBER),
        ("Billing_Method__c", _TEXT),
        ("Revenue_Method__c", _TEXT),
        ("Amount__c", _NUMBER),
        ("Planned_Hours__c", _NUMBER),
        ("NTE_Cap__c", _NUMBER),
        ("Rate_Card_Id__c", _TEXT),
        ("Included_Hours__c", _NUMBER),
        ("Overage_Rate__c", _NUMBER),
        *_STAMPS,
    ),
    _resource(
        "contract_amendment",
        "Contract_Amendment__c",
        ("Name", _TEXT),
        ("CurrencyIsoCode", _TEXT),
        ("Contract__c", _TEXT),
        ("Amendment_No__c", _NUMBER),
        ("Effective_Date__c", _TEXT),
        ("Signed_At__c", _TEXT),
        ("Amount_Delta__c", _NUMBER),
        ("Hours_Delta__c", _NUMBER),
        ("New_NTE_Cap__c", _NUMBER),
        ("Reason__c", _TEXT),
        *_STAMPS,
    ),
    _resource(
        "invoice_status",
        "Invoice_Status__c",
        ("OwnerId", _TEXT),
        ("Name", _TEXT),
        ("Invoice_Key__c", _TEXT),
        ("Invoice_Number__c", _TEXT),
        ("Opportunity__c", _TEXT),
        ("Account__c", _TEXT),
        ("Status__c", _TEXT),
        ("Net_Amount__c", _NUMBER),
        ("Gross_Amount__c", _NUMBER),
        ("Open_Amount__c", _NUMBER),
        ("CurrencyIsoCode", _TEXT),
        ("Invoice_Date__c", _TEXT),
        ("Due_Date__c", _TEXT),
        ("Posted_At__c", _TEXT),
        ("Last_Payment_Date__c", _TEXT),
        *_STAMPS,
    ),
    Resource(
        "users",
        "User",
        ("Id",),
        pa.schema(
            [(n, _TEXT) for n in ("Id", "Username", "Email", "Name", "LastName")] + [("IsActive", _FLAG), *_STAMPS]
        ),
        changed_at="SystemModstamp",
        deletes="never",
    ),
)


def connect() -> Reader:
    """The org that the environment names."""
    from systems.salesforce.client import connect as open_client

    return open_client()


SOURCE = Source("salesforce", RESOURCES, connect)
