"""SuiteQL for each object that is read: from where, in which order, and which columns are dates.

SuiteQL shows a date or an instant as a bare date in the user's own format unless it is told how, so such columns are
declared here. Which columns are asked for is the caller's choice. No HTTP here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
DAY = "YYYY-MM-DD"


@dataclass(frozen=True)
class Query:
    """How one object is read.

    Args:
        source: what follows FROM.
        key: columns that together are unique, in the order of paging; the first is a number.
        stamp: the column that says when a row was changed; None: the object is read whole.
        instants: columns with a time of day.
        days: columns with a date.
        where: a condition that always holds.
        names: columns of the answer that SuiteQL knows by another name ('p.id').
        large: worth several requests at once when it is read whole.
    """

    source: str
    key: tuple[str, ...] = ("id",)
    stamp: str | None = None
    instants: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    where: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    large: bool = False

    def select(self, columns: Iterable[str], conditions: Sequence[str], *, by_stamp: bool = True) -> str:
        """The query for these columns of the answer, in paging order."""
        shown = ", ".join(self._shown(column) for column in columns)
        order = ", ".join(self.name(column) for column in self.order(by_stamp=by_stamp))
        where = " AND ".join(c for c in (self.where, *conditions) if c)
        return f"SELECT {shown} FROM {self.source}{' WHERE ' + where if where else ''} ORDER BY {order}"

    def order(self, *, by_stamp: bool = True) -> tuple[str, ...]:
        """The columns that rows are ordered and paged by."""
        return (self.stamp, *self.key) if self.stamp and by_stamp else self.key

    def name(self, column: str) -> str:
        """What SuiteQL calls a column of the answer."""
        return self.names.get(column, column)

    def after(self, row: Mapping[str, Any], *, by_stamp: bool = True) -> str:
        """The condition for the rows that follow `row`. Begins with a plain bound, which an index can serve."""
        condition = ""
        for column in reversed(self.order(by_stamp=by_stamp)):
            name, value = self.name(column), self._literal(column, row[column])
            further = f"{name} > {value}"
            condition = f"{name} >= {value} AND ({further} OR {condition})" if condition else further
        return f"({condition})"

    def since(self, at: datetime) -> str:
        """The condition for the rows changed at or after an instant."""
        return f"{self.name(self.stamp or '')} >= {self._literal(self.stamp or '', f'{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z')}"

    def part(self, number: int, parts: int) -> str:
        """The condition for one of `parts` disjoint shares of all rows."""
        return f"MOD({self.name(self.key[0])}, {parts}) = {number}"

    def _shown(self, column: str) -> str:
        name = self.name(column)
        if column in self.instants:
            return f"TO_CHAR({name}, '{INSTANT}') AS {column}"
        if column in self.days:
            return f"TO_CHAR({name}, '{DAY}') AS {column}"
        return name if name == column else f"{name} AS {column}"

    def _literal(self, column: str, value: str) -> str:
        if column in self.instants:
            moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - checked and passed on as text
            return f"TO_TIMESTAMP('{moment:%Y-%m-%d %H:%M:%S}', 'YYYY-MM-DD HH24:MI:SS')"
        return str(int(value))


def _stamped(table: str, *, instants: tuple[str, ...] = (), stamp: str = "lastmodifieddate", **more: Any) -> Query:
    return Query(table, stamp=stamp, instants=(stamp, *instants), **more)


# What the client calls an object -> how it is read.
QUERIES: dict[str, Query] = {
    "customer": _stamped("customer", instants=("datecreated",)),
    "customersubsidiaryrelationship": _stamped("customersubsidiaryrelationship"),
    "subsidiary": _stamped("subsidiary"),
    "currency": Query("currency"),
    "term": Query("term"),
    "employee": _stamped("employee"),
    # The documents that the platform works with; journals and vendor bills are none of its business.
    "transaction": _stamped(
        "transaction",
        instants=("createddate", "custbody_posted_at"),
        days=("trandate", "duedate"),
        where="type IN ('CustInvc', 'CustCred', 'CustPymt')",
        large=True,
    ),
    "transactionline": _stamped(
        "transactionline", stamp="linelastmodifieddate", key=("uniquekey",), large=True
    ),
    "nexttransactionlinelink": _stamped(
        "nexttransactionlinelink",
        key=("nextdoc", "previousdoc", "nextline", "previousline"),
        where="linktype = 'Payment'",
    ),
    # A period belongs to a calendar, a calendar to a subsidiary: one table apart.
    "accountingperiod": Query(
        "accountingperiod p INNER JOIN accountingperiodfiscalcalendars c ON c.accountingperiod = p.id",
        instants=("closedondate",),
        days=("startdate", "enddate"),
        names={
            "id": "p.id", "periodname": "p.periodname", "startdate": "p.startdate", "enddate": "p.enddate",
            "closed": "p.closed", "closedondate": "p.closedondate", "alllocked": "p.alllocked",
            "arlocked": "p.arlocked", "isquarter": "p.isquarter", "isyear": "p.isyear", "isadjust": "p.isadjust",
            "isposting": "p.isposting", "isinactive": "p.isinactive", "fiscalcalendar": "c.fiscalcalendar",
        },
    ),
    "currencyrate": _stamped("currencyrate", days=("effectivedate",)),
    "consolidatedexchangerate": Query("consolidatedexchangerate"),
    "customrecord_billing_schedule": _stamped(
        "customrecord_billing_schedule",
        stamp="lastmodified",
        instants=("created",),
        days=("custrecord_bs_start_date", "custrecord_bs_end_date"),
    ),
    # Planned and allocated hours share the table: they are read too, and staging leaves them out.
    "timebill": _stamped("timebill", instants=("createddate",), days=("trandate",), large=True),
}  # fmt: skip
