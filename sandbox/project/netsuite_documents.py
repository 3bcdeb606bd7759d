"""Invoices, credit memos and payments as NetSuite holds them: header, lines, and what was applied to what.

The main line of an invoice is positive and its revenue lines are negative, so each document sums to nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from sandbox.project.netsuite_rows import Links, currency_id, flag, instant, native_id, number, row
from sandbox.project.row import Row
from sandbox.truth import Invoice, Payment, Truth

ITEMS = {
    "time": ("101", "Consulting time"),
    "rate_true_up": ("102", "Rate adjustment"),
    "fixed_fee": ("103", "Fixed fee"),
    "milestone": ("104", "Milestone"),
    "retainer": ("105", "Retainer fee"),
    "overage": ("106", "Retainer overage"),
    "product": ("107", "Licence"),
}
TAX_ITEM = "201"
# A line's number inside its document has four digits, so a document's lines are neighbours.
LINES_PER_DOCUMENT = 10_000

_CENT = Decimal("0.01")


def documents(truth: Truth, at: datetime, links: Links) -> Iterator[Row]:
    """Invoices, credit memos and payments with lines and applications, as far as `links` knows whom they belong to."""
    customers = {customer.id: customer for customer in truth.customers}
    projects = {work.id: work for work in truth.projects}
    broken = {defect.record_id: defect.rule for defect in truth.defects if defect.system == "netsuite"}
    paid: dict[str, list[Payment]] = defaultdict(list)
    for payment in truth.payments:
        if payment.applied_at <= at:
            paid[payment.invoice_id].append(payment)
    credits_: dict[str, list[Invoice]] = defaultdict(list)
    for invoice in truth.invoices:
        if invoice.corrects_id is not None and invoice.posted_at is not None and invoice.posted_at <= at:
            credits_[invoice.corrects_id].append(invoice)
    shown = {invoice.id: invoice for invoice in truth.invoices if invoice.created_at <= at}
    known: dict[str, tuple[str | None, str | None]] = {}
    bases = {entity.id: entity.currency for entity in truth.legal_entities}
    spot = {(r.from_currency, r.to_currency, r.rate_date): r.rate for r in truth.fx_rates if r.rate_type == "spot"}
    for invoice in shown.values():
        key = f"{invoice.customer_id}|{invoice.project_id}"
        if key not in known:
            known[key] = (links.customer(customers[invoice.customer_id]), links.project(projects[invoice.project_id]))
        payer, reference = known[key]
        if payer is None or reference is None:
            continue
        rate = Decimal(1)
        base = bases[invoice.legal_entity_id]
        if invoice.currency != base:
            rate = spot.get((invoice.currency, base, invoice.invoice_date), Decimal(1))
        page = _Document(invoice, at, payer, reference, rate, broken.get(invoice.id))
        page.applied = _applications(page, paid[invoice.id], credits_[invoice.id])
        corrected = shown.get(invoice.corrects_id or "")
        page.used = _used(page, corrected, paid, credits_)
        yield from page.rows()


def gross_amount(invoice: Invoice) -> Decimal:
    """Net and tax, the tax rounded to the cent on the document's total."""
    return invoice.net_amount + tax_amount(invoice)


def tax_amount(invoice: Invoice) -> Decimal:
    """Tax on the document's total, rounded to the cent."""
    return (invoice.net_amount * invoice.tax_rate).quantize(_CENT, ROUND_HALF_UP)


_Application = tuple[datetime, Decimal, "Payment | Invoice"]


def _settle(gross: Decimal, payments: list[Payment], credits_: list[Invoice]) -> list[_Application]:
    """What was applied to an invoice, in order of time. A credit memo is applied as far as the invoice is open."""
    events: list[_Application] = [(p.applied_at, p.amount, p) for p in payments]
    events += [(c.posted_at, -gross_amount(c), c) for c in credits_ if c.posted_at is not None]
    left, out = gross, []
    for moment, amount, document in sorted(events, key=lambda event: (event[0], event[2].id)):
        applied = min(amount, max(left, Decimal(0))) if isinstance(document, Invoice) else amount
        left -= applied
        if applied:
            out.append((moment, applied, document))
    return out


def _applications(page: _Document, payments: list[Payment], credits_: list[Invoice]) -> list[_Application]:
    return _settle(page.gross, payments, credits_) if page.invoice.document_type == "invoice" else []


def _used(
    page: _Document,
    corrected: Invoice | None,
    paid: dict[str, list[Payment]],
    credits_: dict[str, list[Invoice]],
) -> Decimal:
    """How much of a credit memo is applied to the invoice that it corrects."""
    if corrected is None or not page.posted:
        return Decimal(0)
    applied = _settle(gross_amount(corrected), paid[corrected.id], credits_[corrected.id])
    return sum((amount for _, amount, document in applied if document.id == page.invoice.id), Decimal(0))


class _Document:
    """One invoice or credit memo on its way to rows."""

    def __init__(
        self, invoice: Invoice, at: datetime, payer: str, reference: str, rate: Decimal, rule: str | None
    ) -> None:
        self.invoice = invoice
        self.payer = payer
        self.reference = reference
        self.rate = rate
        self.rule = rule
        self.id = native_id("invoice", invoice.id)
        self.type = "CustInvc" if invoice.document_type == "invoice" else "CustCred"
        self.posted = invoice.posted_at is not None and invoice.posted_at <= at
        self.gross = gross_amount(invoice)
        self.applied: list[_Application] = []
        self.used = Decimal(0)

    def rows(self) -> Iterator[Row]:
        yield self._header()
        yield from self._lines()
        for moment, amount, document in self.applied:
            if isinstance(document, Payment):
                yield from self._payment(document)
            next_id = native_id("payment" if isinstance(document, Payment) else "invoice", document.id)
            yield row(
                "nexttransactionlinelink",
                f"{self.id}{next_id}",
                moment,
                previousdoc=self.id,
                previousline="0",
                previoustype=self.type,
                nextdoc=next_id,
                nextline="0",
                nexttype="CustPymt" if isinstance(document, Payment) else "CustCred",
                linktype="Payment",
                foreignamount=number(amount),
                lastmodifieddate=instant(moment),
            )

    def _header(self) -> Row:
        from sandbox.project import salesforce

        invoice = self.invoice
        changed = max(
            [invoice.created_at]
            + ([invoice.posted_at] if self.posted and invoice.posted_at else [])
            + [moment for moment, _, _ in self.applied]
        )
        paid = sum((amount for _, amount, _ in self.applied), Decimal(0))
        amounts: dict[str, str | None]
        if self.type == "CustInvc":
            left = max(self.gross - paid, Decimal(0))
            amounts = {"foreignamountpaid": number(paid), "foreignamountunpaid": number(left)}
        else:
            left = -self.gross - self.used
            amounts = {
                "foreignpaymentamountused": number(self.used),
                "foreignpaymentamountunused": number(left),
            }
        status = "D" if not self.posted else "B" if left <= 0 else "A"
        return row(
            "transaction",
            self.id,
            changed,
            type=self.type,
            tranid=invoice.number,
            trandate=invoice.invoice_date.isoformat(),
            duedate=invoice.due_date.isoformat(),
            createddate=instant(invoice.created_at),
            entity=self.payer,
            currency=None if self.rule == "invoice_currency_present" else currency_id(invoice.currency),
            exchangerate=number(self.rate),
            foreigntotal=number(self.gross),
            **amounts,
            status=status,
            approvalstatus="2" if self.posted else "1",
            posting=flag(self.posted),
            voided="F",
            postingperiod=native_id("period", f"{invoice.posting_period}:{invoice.legal_entity_id}")
            if self.posted and invoice.posting_period
            else None,
            custbody_posted_at=instant(invoice.posted_at) if self.posted and invoice.posted_at else None,
            custbody_psa_project=self.reference,
            custbody_contract=salesforce.native_id("contract", invoice.contract_id),
            custbody_rebill_of=native_id("invoice", invoice.rebill_of_id) if invoice.rebill_of_id else None,
            custbody_credit_reason=invoice.credit_reason,
        )

    def _lines(self) -> Iterator[Row]:
        """The main line, the items with their sign flipped, and the tax line."""
        from sandbox.project import kantata

        invoice = self.invoice
        yield self._line(
            0,
            self.gross,
            mainline="T",
            entity=self.payer,
            createdfrom=native_id("invoice", invoice.corrects_id) if invoice.corrects_id else None,
        )
        last = len(invoice.lines)
        for place, line in enumerate(invoice.lines, start=1):
            amount = line.net_amount
            if place == last and self.rule == "invoice_lines_sum_to_header":
                amount += Decimal(100)
            yield self._line(
                line.line_no,
                -amount,
                item=ITEMS[line.line_type][0],
                quantity=number(-line.quantity),
                rate=number(line.rate),
                custcol_line_type=line.line_type,
                custcol_psa_entry=kantata.native_id("time_entry", line.time_entry_id) if line.time_entry_id else None,
                custcol_milestone=kantata.native_id("milestone", line.milestone_id) if line.milestone_id else None,
            )
        tax = tax_amount(invoice)
        if tax:
            top = max((line.line_no for line in invoice.lines), default=0)
            yield self._line(top + 1, -tax, taxline="T", item=TAX_ITEM)

    def _line(self, line_no: int, amount: Decimal, **columns: str | None) -> Row:
        return row(
            "transactionline",
            str(int(self.id) * LINES_PER_DOCUMENT + line_no),
            self.invoice.created_at,
            uniquekey=str(int(self.id) * LINES_PER_DOCUMENT + line_no),
            transaction=self.id,
            id=str(line_no),
            linesequencenumber=str(line_no),
            linelastmodifieddate=instant(self.invoice.created_at),
            subsidiary=native_id("subsidiary", self.invoice.legal_entity_id),
            foreignamount=number(amount),
            netamount=number((amount * self.rate).quantize(_CENT, ROUND_HALF_UP)),
            **{"mainline": "F", "taxline": "F", **columns},
        )

    def _payment(self, payment: Payment) -> Iterator[Row]:
        id_ = native_id("payment", payment.id)
        subsidiary = native_id("subsidiary", self.invoice.legal_entity_id)
        yield row(
            "transaction",
            id_,
            payment.applied_at,
            type="CustPymt",
            tranid=payment.id,
            trandate=payment.received_date.isoformat(),
            createddate=instant(payment.applied_at),
            entity=self.payer,
            currency=currency_id(payment.currency),
            exchangerate=number(self.rate),
            foreigntotal=number(payment.amount),
            foreignpaymentamountused=number(payment.amount),
            foreignpaymentamountunused="0",
            status="C",
            approvalstatus="2",
            posting="T",
            voided="F",
            custbody_posted_at=instant(payment.applied_at),
        )
        yield row(
            "transactionline",
            str(int(id_) * LINES_PER_DOCUMENT),
            payment.applied_at,
            uniquekey=str(int(id_) * LINES_PER_DOCUMENT),
            transaction=id_,
            id="0",
            linesequencenumber="0",
            linelastmodifieddate=instant(payment.applied_at),
            subsidiary=subsidiary,
            entity=self.payer,
            foreignamount=number(payment.amount),
            netamount=number((payment.amount * self.rate).quantize(_CENT, ROUND_HALF_UP)),
            mainline="T",
            taxline="F",
        )
