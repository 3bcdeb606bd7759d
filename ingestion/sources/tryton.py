"""Tryton to raw: one database that is CRM, PSA, ERP and HRIS at once.

Data flow (JSON-RPC `search_read`, pages of 1000 by (last_modified_at, id)):

    company.company, account.period, currency.currency.rate      -> raw_tryton.company, period, currency_rate
    party.party, party.address, party.contact_mechanism          -> raw_tryton.party, party_address, contact_mechanism
    party.category, product.category                             -> raw_tryton.party_category, product_category
    company.employee, res.user                                   -> raw_tryton.employee, system_user (personal data)
    product.product                                              -> raw_tryton.product
    account.invoice.payment_term, ...payment_term.line.delta     -> raw_tryton.payment_term, payment_term_delta
    sale.opportunity (+ .line), every revision of it             -> raw_tryton.opportunity, opportunity_line, opportunity_history
    sale.sale, sale.line                                         -> raw_tryton.sale, sale_line
    project.work (projects and tasks)                            -> raw_tryton.project_work
    timesheet.work, timesheet.line                               -> raw_tryton.timesheet_work, timesheet_line
    project.work.invoiced_progress                               -> raw_tryton.invoiced_progress
    ir.note                                                      -> raw_tryton.note              approvals of time
    ir.model.log                                                 -> raw_tryton.event_log         who did what, when
    account.invoice, account.invoice.line, account.move.line     -> raw_tryton.invoice, invoice_line, move_line

Key: `id` (a revision: id and instant). Cursor: `last_modified_at`, the start of the writing transaction, with the
pipeline's overlap. Deleted rows leave no trace, so ids are swept; the log, revisions and posted lines are never
deleted. A column `a__b` is the path `a.b`, used only for what does not change; lists of ids are text `,1,2,`, references
text `model,id`. Instants are UTC, durations seconds, decimals exact.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from ingestion.resource import Reader, Resource, Source

_TEXT, _WHOLE, _FLAG, _NUMBER = pa.string(), pa.int64(), pa.bool_(), pa.float64()
_MONEY, _PRICE = pa.decimal128(18, 4), pa.decimal128(18, 6)
_INSTANT = pa.timestamp("us", tz="UTC")


def _table(
    table: str, model: str, *columns: tuple[str, pa.DataType], deletes: Literal["sweep", "never"] = "sweep"
) -> Resource:
    times = (("create_date", _INSTANT), ("last_modified_at", _INSTANT))
    schema = pa.schema([("id", _WHOLE), *columns, *times])
    return Resource(table, model, ("id",), schema, changed_at="last_modified_at", deletes=deletes)


RESOURCES = (
    _table("company", "company.company", ("party", _WHOLE), ("currency__code", _TEXT), ("timezone", _TEXT)),
    _table(
        "period",
        "account.period",
        ("name", _TEXT),
        ("type", _TEXT),
        ("company", _WHOLE),
        ("start_date", _TEXT),
        ("end_date", _TEXT),
        ("state", _TEXT),
    ),
    _table("currency_rate", "currency.currency.rate", ("currency__code", _TEXT), ("date", _TEXT), ("rate", _TEXT)),
    _table(
        "party",
        "party.party",
        ("code", _TEXT),
        ("name", _TEXT),
        ("active", _FLAG),
        ("replaced_by", _WHOLE),
        ("tax_identifier__code", _TEXT),
        ("customer_payment_term", _WHOLE),
        ("categories", _TEXT),
    ),
    _table(
        "party_address",
        "party.address",
        ("party", _WHOLE),
        ("country__code", _TEXT),
        ("city", _TEXT),
        ("sequence", _WHOLE),
        ("active", _FLAG),
    ),
    _table(
        "contact_mechanism",
        "party.contact_mechanism",
        ("party", _WHOLE),
        ("type", _TEXT),
        ("value", _TEXT),
        ("sequence", _WHOLE),
        ("active", _FLAG),
    ),
    _table("party_category", "party.category", ("name", _TEXT)),
    _table("product_category", "product.category", ("name", _TEXT), ("accounting", _FLAG)),
    _table(
        "employee",
        "company.employee",
        ("party", _WHOLE),
        ("company", _WHOLE),
        ("supervisor", _WHOLE),
        ("start_date", _TEXT),
        ("end_date", _TEXT),
        ("active", _FLAG),
    ),
    _table("system_user", "res.user", ("login", _TEXT), ("name", _TEXT), ("active", _FLAG)),
    _table(
        "product",
        "product.product",
        ("code", _TEXT),
        ("name", _TEXT),
        ("type", _TEXT),
        ("default_uom__symbol", _TEXT),
        ("account_category", _WHOLE),
        ("categories", _TEXT),
        ("active", _FLAG),
    ),
    _table("payment_term", "account.invoice.payment_term", ("name", _TEXT), ("active", _FLAG)),
    _table(
        "payment_term_delta",
        "account.invoice.payment_term.line.delta",
        ("line__payment", _WHOLE),
        ("days", _WHOLE),
        ("weeks", _WHOLE),
        ("months", _WHOLE),
    ),
    _table(
        "opportunity",
        "sale.opportunity",
        ("number", _TEXT),
        ("description", _TEXT),
        ("reference", _TEXT),
        ("party", _WHOLE),
        ("company", _WHOLE),
        ("currency__code", _TEXT),
        ("amount", _MONEY),
        ("employee", _WHOLE),
        ("start_date", _TEXT),
        ("end_date", _TEXT),
        ("conversion_probability", _NUMBER),
        ("state", _TEXT),
        ("comment", _TEXT),
    ),
    Resource(
        "opportunity_history",
        "sale.opportunity@history",
        ("id", "revision_at"),
        pa.schema(
            [
                ("id", _WHOLE),
                ("revision_at", _TEXT),
                ("revised_by", _TEXT),
                ("state", _TEXT),
                ("amount", _MONEY),
                ("currency__code", _TEXT),
                ("conversion_probability", _NUMBER),
                ("end_date", _TEXT),
            ]
        ),
        changed_at="revision_at",
        deletes="never",
    ),
    _table(
        "opportunity_line",
        "sale.opportunity.line",
        ("opportunity", _WHOLE),
        ("product", _WHOLE),
        ("quantity", _NUMBER),
        ("unit__symbol", _TEXT),
        ("sequence", _WHOLE),
    ),
    _table(
        "sale",
        "sale.sale",
        ("number", _TEXT),
        ("reference", _TEXT),
        ("description", _TEXT),
        ("origin", _TEXT),
        ("party", _WHOLE),
        ("company", _WHOLE),
        ("currency__code", _TEXT),
        ("state", _TEXT),
        ("sale_date", _TEXT),
        ("untaxed_amount", _MONEY),
    ),
    _table(
        "sale_line",
        "sale.line",
        ("sale", _WHOLE),
        ("type", _TEXT),
        ("product", _WHOLE),
        ("quantity", _NUMBER),
        ("unit__symbol", _TEXT),
        ("unit_price", _PRICE),
        ("amount", _MONEY),
        ("sequence", _WHOLE),
    ),
    _table(
        "project_work",
        "project.work",
        ("name", _TEXT),
        ("number", _TEXT),
        ("type", _TEXT),
        ("parent", _WHOLE),
        ("party", _WHOLE),
        ("company", _WHOLE),
        ("status__name", _TEXT),
        ("project_invoice_method", _TEXT),
        ("product", _WHOLE),
        ("list_price", _PRICE),
        ("effort_duration", _NUMBER),
        ("progress", _NUMBER),
        ("invoice_line", _WHOLE),
        ("comment", _TEXT),
    ),
    _table("timesheet_work", "timesheet.work", ("origin", _TEXT), ("company", _WHOLE)),
    _table(
        "timesheet_line",
        "timesheet.line",
        ("company", _WHOLE),
        ("employee", _WHOLE),
        ("work", _WHOLE),
        ("date", _TEXT),
        ("duration", _NUMBER),
        ("description", _TEXT),
        ("cost_price", _PRICE),
        ("invoice_line", _WHOLE),
        ("uuid", _TEXT),
    ),
    _table(
        "invoiced_progress",
        "project.work.invoiced_progress",
        ("work", _WHOLE),
        ("progress", _NUMBER),
        ("invoice_line", _WHOLE),
    ),
    _table("note", "ir.note", ("resource", _TEXT), ("message", _TEXT), ("create_uid", _WHOLE)),
    _table(
        "event_log",
        "ir.model.log",
        ("resource", _TEXT),
        ("event", _TEXT),
        ("target", _TEXT),
        ("user", _WHOLE),
        deletes="never",
    ),
    _table(
        "invoice",
        "account.invoice",
        ("number", _TEXT),
        ("reference", _TEXT),
        ("description", _TEXT),
        ("type", _TEXT),
        ("state", _TEXT),
        ("party", _WHOLE),
        ("company", _WHOLE),
        ("currency__code", _TEXT),
        ("payment_term", _WHOLE),
        ("invoice_date", _TEXT),
        ("accounting_date", _TEXT),
        ("numbered_at", _INSTANT),
        ("untaxed_amount", _MONEY),
        ("tax_amount", _MONEY),
        ("total_amount", _MONEY),
        ("amount_to_pay", _MONEY),
        ("payment_lines", _TEXT),
    ),
    _table(
        "invoice_line",
        "account.invoice.line",
        ("invoice", _WHOLE),
        ("invoice_type", _TEXT),
        ("type", _TEXT),
        ("company", _WHOLE),
        ("party", _WHOLE),
        ("currency__code", _TEXT),
        ("product", _WHOLE),
        ("quantity", _NUMBER),
        ("unit_price", _PRICE),
        ("amount", _MONEY),
        ("description", _TEXT),
        ("note", _TEXT),
        ("origin", _TEXT),
        ("sequence", _WHOLE),
    ),
    _table(
        "move_line",
        "account.move.line",
        ("move", _WHOLE),
        ("party", _WHOLE),
        ("date", _TEXT),
        ("debit", _MONEY),
        ("credit", _MONEY),
        ("amount_second_currency", _MONEY),
        ("second_currency__code", _TEXT),
        ("description", _TEXT),
    ),
)


def connect() -> Reader:
    """Tryton's client, as the environment says."""
    from systems.tryton.client import connect as connect_client

    return connect_client()


SOURCE = Source("tryton", RESOURCES, connect)
