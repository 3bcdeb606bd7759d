"""The tables that SuiteQL knows in this account, with the types of their columns.

Types: `id` and `int` compare as numbers, `num` as decimals, `text` and `flag` ('T', 'F') as text, `date` and `time`
(date and time) as instants. What a record type accepts through the record API is `records.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        columns: name -> type.
        key: the column that is the store's id, None where rows have none.
        stamp: the column that is the store's time of change, None where the table has none.
    """

    columns: dict[str, str]
    key: str | None = "id"
    stamp: str | None = None


def _columns(**by_type: str) -> dict[str, str]:
    """`int="a b"` -> {'a': 'int', 'b': 'int'}."""
    return {name: kind for kind, names in by_type.items() for name in names.split()}


TABLES: dict[str, Table] = {
    "subsidiary": Table(
        _columns(
            id="id currency parent fiscalcalendar",
            text="name fullname externalid country custrecord_time_zone",
            flag="iselimination isinactive",
            time="lastmodifieddate",
        ),
        stamp="lastmodifieddate",
    ),
    "fiscalcalendar": Table(_columns(id="id", text="name", flag="isdefault")),
    "currency": Table(_columns(id="id", text="name symbol displaysymbol", flag="isinactive")),
    "term": Table(_columns(id="id", int="daysuntilnetdue", text="name", flag="isinactive")),
    "item": Table(_columns(id="id", text="itemid displayname itemtype", flag="isinactive")),
    "department": Table(_columns(id="id", text="name externalid", flag="isinactive")),
    "classification": Table(_columns(id="id", text="name externalid", flag="isinactive")),
    "location": Table(_columns(id="id subsidiary", text="name externalid", flag="isinactive")),
    "employee": Table(
        _columns(
            id="id subsidiary",
            text="entityid externalid firstname lastname email",
            date="hiredate",
            flag="isinactive",
            time="lastmodifieddate",
        ),
        stamp="lastmodifieddate",
    ),
    "customer": Table(
        _columns(
            id="id parent currency terms",
            text="entityid externalid companyname vatregnumber url email creditholdoverride custentity_crm_account "
            "custentity_legal_name custentity_country",
            flag="isperson isinactive",
            time="datecreated lastmodifieddate",
        ),
        stamp="lastmodifieddate",
    ),
    "customersubsidiaryrelationship": Table(
        _columns(id="id entity subsidiary primarycurrency", flag="isprimarysub isinactive", time="lastmodifieddate"),
        stamp="lastmodifieddate",
    ),
    "accountingperiod": Table(
        _columns(
            id="id",
            text="periodname",
            date="startdate enddate",
            time="closedondate",
            flag="closed alllocked arlocked aplocked isposting isadjust isquarter isyear isinactive",
        )
    ),
    "accountingperiodfiscalcalendars": Table(
        _columns(id="accountingperiod fiscalcalendar", text="fullname"), key="accountingperiod"
    ),
    "currencyrate": Table(
        _columns(
            id="id basecurrency transactioncurrency", num="exchangerate", date="effectivedate", time="lastmodifieddate"
        ),
        stamp="lastmodifieddate",
    ),
    "consolidatedexchangerate": Table(
        _columns(
            id="id postingperiod fromsubsidiary tosubsidiary fromcurrency tocurrency",
            num="currentrate averagerate historicalrate",
        )
    ),
    "transaction": Table(
        _columns(
            id="id entity currency postingperiod custbody_rebill_of",
            text="type tranid status approvalstatus memo externalid custbody_psa_project custbody_contract "
            "custbody_credit_reason",
            num="exchangerate foreigntotal foreignamountpaid foreignamountunpaid foreignpaymentamountused "
            "foreignpaymentamountunused",
            date="trandate duedate",
            flag="posting voided",
            time="createddate lastmodifieddate custbody_posted_at",
        ),
        stamp="lastmodifieddate",
    ),
    "transactionline": Table(
        _columns(
            id="uniquekey transaction entity item subsidiary department class location createdfrom",
            int="id linesequencenumber",
            num="quantity rate foreignamount netamount",
            text="memo custcol_line_type custcol_psa_entry custcol_milestone",
            flag="mainline taxline",
            time="linelastmodifieddate",
        ),
        key="uniquekey",
        stamp="linelastmodifieddate",
    ),
    "nexttransactionlinelink": Table(
        _columns(
            id="previousdoc nextdoc",
            int="previousline nextline",
            text="previoustype nexttype linktype",
            num="foreignamount",
            time="lastmodifieddate",
        ),
        key=None,
        stamp="lastmodifieddate",
    ),
    "customrecord_billing_schedule": Table(
        _columns(
            id="id custrecord_bs_customer",
            text="name externalid custrecord_bs_project custrecord_bs_opportunity custrecord_bs_contract "
            "custrecord_bs_billing_method custrecord_bs_currency custrecord_bs_status",
            num="custrecord_bs_amount",
            date="custrecord_bs_start_date custrecord_bs_end_date",
            flag="isinactive",
            time="created lastmodified",
        ),
        stamp="lastmodified",
    ),
    "timebill": Table(
        _columns(
            id="id customer employee subsidiary department class location",
            text="externalid memo timetype approvalstatus custcol_psa_project custcol_psa_entry",
            num="hours rate",
            date="trandate",
            flag="isbillable",
            time="createddate lastmodifieddate",
        ),
        stamp="lastmodifieddate",
    ),
    "deletedrecord": Table(
        _columns(id="recordid", text="type name", time="deleteddate"), key=None, stamp="deleteddate"
    ),
}
