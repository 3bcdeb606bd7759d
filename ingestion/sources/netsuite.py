"""NetSuite to raw: the books that money is billed and paid in.

Data flow (`POST /services/rest/query/v1/suiteql`, one query an object; `systems/netsuite/queries.py` has its dates and order):

    customer                         -> raw_netsuite.customer
    customersubsidiaryrelationship   -> raw_netsuite.customersubsidiaryrelationship   who buys from which of our companies
    subsidiary                       -> raw_netsuite.subsidiary
    currency, term, employee         -> raw_netsuite.currency, .term, .employee       what the ids mean
    transaction                      -> raw_netsuite.transaction             invoices, credit memos, payments
    transactionline                  -> raw_netsuite.transactionline         with main and tax lines, signs as NetSuite has them
    nexttransactionlinelink          -> raw_netsuite.payment_application     what was applied to what
    accountingperiod                 -> raw_netsuite.accountingperiod        one row a month and fiscal calendar
    currencyrate                     -> raw_netsuite.fx_rate                 spot
    consolidatedexchangerate         -> raw_netsuite.consolidated_fx_rate    closing and average, by period
    customrecord_billing_schedule    -> raw_netsuite.billing_schedule
    timebill                         -> raw_netsuite.timebill                planned and allocated hours too

Key: the internal id; a link has none, so its four columns are. Cursor: `lastmodifieddate` where the table has one (whole
seconds, hence the overlap), else the whole table each time. Deletes: a row that is gone leaves nothing in SuiteQL but
an entry in `deletedrecord` that not every role may read, so ids are swept. Employees' names stay out: their number and
e-mail address, personal data in a table of its own, are what the other systems know them by.

SuiteQL gives every value as text and leaves out what is empty. Amounts become decimals here; dates and instants stay
text (`2026-10-15`, `2026-10-15T06:00:00Z`) and staging casts them.
"""

from __future__ import annotations

import pyarrow as pa

from ingestion.resource import Reader, Resource, Source

_TEXT = pa.string()
_MONEY = pa.decimal128(18, 4)
_RATE = pa.decimal128(28, 12)


def _schema(text: str, **decimals: pa.DataType) -> pa.Schema:
    """Text columns by name, then the others."""
    return pa.schema([*((name, _TEXT) for name in text.split()), *decimals.items()])


RESOURCES = (
    Resource(
        "customer",
        "customer",
        ("id",),
        _schema(
            "id entityid externalid companyname custentity_legal_name custentity_crm_account custentity_country "
            "vatregnumber url parent currency terms creditholdoverride isinactive datecreated lastmodifieddate"
        ),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "customersubsidiaryrelationship",
        "customersubsidiaryrelationship",
        ("id",),
        _schema("id entity subsidiary isprimarysub primarycurrency isinactive lastmodifieddate"),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "subsidiary",
        "subsidiary",
        ("id",),
        _schema(
            "id name externalid currency country parent fiscalcalendar custrecord_time_zone iselimination isinactive "
            "lastmodifieddate"
        ),
        mode="snapshot",
        changed_at="lastmodifieddate",
        deletes="absence",
    ),
    Resource("currency", "currency", ("id",), _schema("id name symbol"), mode="snapshot", deletes="absence"),
    Resource(
        "term", "term", ("id",), _schema("id name daysuntilnetdue isinactive"), mode="snapshot", deletes="absence"
    ),
    Resource(
        "employee",
        "employee",
        ("id",),
        _schema("id entityid externalid email subsidiary isinactive lastmodifieddate"),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "transaction",
        "transaction",
        ("id",),
        _schema(
            "id type tranid trandate duedate createddate lastmodifieddate entity currency status approvalstatus posting "
            "voided postingperiod custbody_posted_at custbody_psa_project custbody_contract custbody_rebill_of "
            "custbody_credit_reason",
            exchangerate=_RATE,
            foreigntotal=_MONEY,
            foreignamountpaid=_MONEY,
            foreignamountunpaid=_MONEY,
            foreignpaymentamountused=_MONEY,
            foreignpaymentamountunused=_MONEY,
        ),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "transactionline",
        "transactionline",
        ("uniquekey",),
        _schema(
            "uniquekey transaction id linesequencenumber mainline taxline item subsidiary createdfrom custcol_line_type "
            "custcol_psa_entry custcol_milestone linelastmodifieddate",
            quantity=_RATE,
            rate=_RATE,
            foreignamount=_MONEY,
            netamount=_MONEY,
        ),
        changed_at="linelastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "payment_application",
        "nexttransactionlinelink",
        ("nextdoc", "previousdoc", "nextline", "previousline"),
        _schema(
            "nextdoc previousdoc nextline previousline nexttype previoustype linktype lastmodifieddate",
            foreignamount=_MONEY,
        ),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "accountingperiod",
        "accountingperiod",
        ("id",),
        _schema(
            "id periodname startdate enddate closed closedondate alllocked arlocked isquarter isyear isadjust "
            "isposting fiscalcalendar"
        ),
        mode="snapshot",
        deletes="absence",
    ),
    Resource(
        "fx_rate",
        "currencyrate",
        ("id",),
        _schema("id basecurrency transactioncurrency effectivedate lastmodifieddate", exchangerate=_RATE),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
    Resource(
        "consolidated_fx_rate",
        "consolidatedexchangerate",
        ("id",),
        _schema(
            "id postingperiod fromsubsidiary tosubsidiary fromcurrency tocurrency",
            currentrate=_RATE,
            averagerate=_RATE,
            historicalrate=_RATE,
        ),
        mode="snapshot",
        deletes="absence",
    ),
    Resource(
        "billing_schedule",
        "customrecord_billing_schedule",
        ("id",),
        _schema(
            "id name externalid custrecord_bs_customer custrecord_bs_project custrecord_bs_opportunity "
            "custrecord_bs_contract custrecord_bs_billing_method custrecord_bs_currency custrecord_bs_start_date "
            "custrecord_bs_end_date custrecord_bs_status isinactive created lastmodified",
            custrecord_bs_amount=_MONEY,
        ),
        changed_at="lastmodified",
        deletes="sweep",
    ),
    Resource(
        "timebill",
        "timebill",
        ("id",),
        _schema(
            "id externalid trandate employee customer subsidiary department class location isbillable timetype "
            "approvalstatus custcol_psa_project custcol_psa_entry createddate lastmodifieddate",
            hours=_MONEY,
            rate=_RATE,
        ),
        changed_at="lastmodifieddate",
        deletes="sweep",
    ),
)


def connect() -> Reader:
    """The account that the environment names."""
    from systems.netsuite.client import connect as open_client

    return open_client()


SOURCE = Source("netsuite", RESOURCES, connect)
