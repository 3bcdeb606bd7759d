"""What must hold on arrivals from NetSuite.

SuiteQL shows revenue lines with the opposite sign of the header, `mainline` and `taxline` as 'T' or 'F', and a
transaction's total with its tax.
"""

from __future__ import annotations

from quality.rules import NoRowFrom, NotNull, RawSuite, Rule

# Gross and tax of each document by the latest versions of its lines, without the main line, signed as the header is.
_LINES = """
    select l._instance, l.transaction,
        sum(-cast(l.foreignamount as decimal(18, 4))) as gross,
        sum(case when l.taxline = 'T' then -cast(l.foreignamount as decimal(18, 4)) else 0 end) as tax
    from (
        select *, row_number() over (
            partition by _instance, _source_id order by _seen_at desc, _load_seq desc
        ) as _rank
        from raw_netsuite.transactionline
    ) as l
    where l._rank = 1 and not l._is_deleted and l.mainline <> 'T'
    group by l._instance, l.transaction
"""
_NET = f"""
    cast(b.foreigntotal as decimal(18, 4)) - coalesce((
        select l.tax from ({_LINES}) as l where l._instance = b._instance and l.transaction = b.id
    ), 0)
"""
_ISO_CODE = """
    (select max(c.symbol) from raw_netsuite.currency as c where c._instance = b._instance and c._source_id = b.currency)
"""

SUITE = RawSuite(
    "netsuite",
    {
        "customer": (),
        "customersubsidiaryrelationship": (),
        "subsidiary": (),
        "currency": (),
        "term": (),
        "employee": (),
        "transaction": (
            Rule(
                "invoice_currency_present",
                "The document has no currency, so its amounts mean nothing. Set the currency on the transaction.",
                NotNull("currency"),
            ),
            Rule(
                "invoice_lines_sum_to_header",
                "The document's total is not the sum of its lines, so one of them is wrong or missing. Compare the "
                "transaction with its lines in NetSuite.",
                NoRowFrom(
                    "select b._instance, b._source_id, b._hash from {batch} as b "
                    f"left join ({_LINES}) as l on l._instance = b._instance and l.transaction = b.id "
                    "where b.type in ('CustInvc', 'CustCred') "
                    "and abs(cast(b.foreigntotal as decimal(18, 4)) - coalesce(l.gross, 0)) > 0.005"
                ),
                amount=_NET,
                currency=_ISO_CODE,
            ),
        ),
        "transactionline": (),
        "payment_application": (),
        "accountingperiod": (),
        "fx_rate": (),
        "consolidated_fx_rate": (),
        "billing_schedule": (),
        "timebill": (),
    },
)
