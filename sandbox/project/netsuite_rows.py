"""What the parts of NetSuite's projection share: ids, references to other systems, and the shape of a row."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from sandbox.project.row import Row
from sandbox.truth import Customer, Project

# Kind -> first internal id. NetSuite numbers each record type by itself, but all transactions share one sequence, so
# invoices, credit memos and payments must never meet. One width a kind: ids sort as numbers and as text alike.
FIRST_ID = {
    "customer": 20_000,
    "invoice": 1_000_000,
    "payment": 5_000_000,
    "billing_schedule": 30_000,
    "employee": 10_000,
}
# OneWorld's root subsidiary is 1, and the firm's first entity is that root.
SUBSIDIARIES = {"DE01": "1", "US01": "2"}
CURRENCIES = {"EUR": "1", "USD": "2", "GBP": "3", "CHF": "4", "CAD": "5", "PLN": "6", "DKK": "7", "SEK": "8"}


def native_id(kind: str, truth_id: str) -> str:
    """The internal id that NetSuite gave to a record of the truth: digits, the same one each time.

    Args:
        kind: `customer`, `invoice` (credit memos too), `payment`, `billing_schedule` (by opportunity), `employee`
            (by resource), `subsidiary`, `period`.
        truth_id: the record's id in the truth ('C0001', 'DE01', '2026-03:DE01').

    Raises:
        KeyError: if NetSuite holds no such kind.
    """
    if kind == "subsidiary":
        return SUBSIDIARIES.get(truth_id) or str(100 + zlib.crc32(truth_id.encode()) % 900)
    if kind == "period":
        month, _, entity = truth_id.partition(":")
        return f"{native_id('subsidiary', entity)}{month.replace('-', '')}"
    number = int(re.sub(r"\D", "", truth_id) or zlib.crc32(truth_id.encode()) % 9_000)
    return str(FIRST_ID[kind] + number)


def currency_id(symbol: str) -> str:
    """The internal id of a currency by its ISO code."""
    return CURRENCIES.get(symbol) or str(100 + zlib.crc32(symbol.encode()) % 900)


def customer_external_id(customer_id: str) -> str:
    """`externalid` of a customer, by the convention that the firm's older integration used too."""
    from sandbox.project import salesforce

    return f"salesforce_{salesforce.native_id('account', customer_id)}"


def schedule_external_id(opportunity_id: str) -> str:
    """`externalid` of the billing schedule of a deal's first generation."""
    from sandbox.project import salesforce

    return f"opp_{salesforce.native_id('opportunity', opportunity_id)}_1"


class Links(Protocol):
    """How documents find the records that they refer to; None where NetSuite does not know them (yet)."""

    def customer(self, customer: Customer) -> str | None:
        """Internal id of the customer."""
        ...

    def project(self, project: Project) -> str | None:
        """The PSA's id of the project, as `custbody_psa_project` carries it."""
        ...


class History(Links):
    """Only what the firm itself had created by an instant."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def customer(self, customer: Customer) -> str | None:
        """The projected id, from the day on which the ERP knows the customer."""
        known = customer.known_to_erp_at is not None and customer.known_to_erp_at <= self._at
        return native_id("customer", customer.id) if known else None

    def project(self, project: Project) -> str | None:
        """The workspace's projected id, once somebody has created it."""
        from sandbox.project import kantata

        known = project.created_at is not None and project.created_at <= self._at
        return kantata.native_id("project", project.id) if known else None


def relationship_id(customer: str, subsidiary: str) -> str:
    """Id of the row that says that a customer buys from a subsidiary."""
    return f"{customer}{int(subsidiary):03d}"


# Tables that say when a row was changed; the others are read whole.
STAMPED = {
    "customer", "customersubsidiaryrelationship", "transaction", "currencyrate", "customrecord_billing_schedule",
    "timebill", "employee", "subsidiary",
}  # fmt: skip


def row(table: str, id_: str, modified: datetime, **columns: str | None) -> Row:
    """A record without its empty columns, whole seconds, with the columns that every table of its kind has."""
    record: dict[str, Any] = {} if table in WITHOUT_ID else {"id": id_}
    record |= {name: value for name, value in columns.items() if value is not None}
    changed = modified.astimezone(UTC).replace(microsecond=0)
    if table in STAMPED:
        record[CHANGE_COLUMN.get(table, "lastmodifieddate")] = instant(changed)
    return Row(table, id_, record, changed)


WITHOUT_ID = {"nexttransactionlinelink", "accountingperiodfiscalcalendars"}
CHANGE_COLUMN = {"customrecord_billing_schedule": "lastmodified"}


def instant(at: datetime) -> str:
    """An instant as the store keeps it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def flag(value: bool) -> str:
    """A boolean as NetSuite writes it."""
    return "T" if value else "F"


def number(value: Decimal) -> str:
    """A number as NetSuite writes it: no trailing zeros, no exponent."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
