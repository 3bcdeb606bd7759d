"""The firm's truth as NetSuite holds it: one record a row of a table, in the columns that SuiteQL shows.

Every value is text in a form that sorts: dates `2026-03-01`, instants `2026-03-01T09:30:00` (UTC, whole seconds, as
NetSuite keeps them), booleans `T` and `F`, references plain internal ids, empty columns absent. How SuiteQL and the
record API show these is the fake's business. What the firm set up once, and where NetSuite leaves a choice:

* Each subsidiary has a fiscal calendar of its own (the feature Multiple Calendars), so a month is one
  `accountingperiod` a subsidiary and each entity closes at its own time; `accountingperiodfiscalcalendars` links them.
* `transaction` has neither `subsidiary` nor `createdfrom`: both are columns of `transactionline`, on the main line.
* What pays what is `nexttransactionlinelink` with `linktype` Payment; credit memos are applied through it as well.
* Spot rates are `currencyrate` (units of base for one of transaction currency), closing rates are `currentrate` of
  `consolidatedexchangerate`.
* The main line of an invoice is positive and its revenue lines are negative: each document sums to nothing.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from sandbox.project.row import Row
from sandbox.truth import Contract, Customer, Invoice, Payment, Project, Truth

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


def project(truth: Truth, at: datetime) -> Iterator[Row]:
    """Every record as NetSuite holds it at `at`. Documents of customers and projects that do not exist are left out."""
    yield from _company(truth)
    yield from _periods(truth, at)
    yield from _rates(truth, at)
    yield from _customers(truth, at)
    yield from _schedules(truth, at)
    yield from _planned_time(truth, at)
    yield from documents(truth, at, History(at))


# -- what the firm set up once --------------------------------------------------------------------------------------


def _company(truth: Truth) -> Iterator[Row]:
    """Subsidiaries, calendars, currencies, terms, items, dimensions and employees."""
    day_one = truth.start
    for entity in truth.legal_entities:
        id_ = native_id("subsidiary", entity.id)
        yield _row(
            "subsidiary",
            id_,
            day_one,
            name=entity.name,
            fullname=entity.name,
            externalid=entity.id,
            currency=currency_id(entity.currency),
            country=entity.country,
            parent="1" if id_ != "1" else None,
            fiscalcalendar=id_,
            custrecord_time_zone=entity.time_zone,
            iselimination="F",
            isinactive="F",
        )
        yield _row("fiscalcalendar", id_, day_one, name=f"Months of {entity.id}", isdefault=_flag(id_ == "1"))
        yield _row("location", id_, day_one, name=entity.id, externalid=entity.id, subsidiary=id_, isinactive="F")
    for symbol in _symbols(truth):
        yield _row(
            "currency", currency_id(symbol), day_one, name=symbol, symbol=symbol, displaysymbol=symbol, isinactive="F"
        )
    for days in sorted({customer.payment_terms_days for customer in truth.customers}):
        yield _row("term", str(days), day_one, name=f"Net {days}", daysuntilnetdue=str(days), isinactive="F")
    for id_, name in ITEMS.values():
        yield _row("item", id_, day_one, itemid=name, displayname=name, itemtype="Service", isinactive="F")
    for place, practice in enumerate(sorted({person.practice for person in truth.resources}), start=1):
        yield _row("department", str(place), day_one, name=practice, externalid=practice, isinactive="F")
    for place, line in enumerate(sorted({work.service_line for work in truth.projects}), start=1):
        yield _row("classification", str(place), day_one, name=line, externalid=line, isinactive="F")
    for person in truth.resources:
        yield _row(
            "employee",
            native_id("employee", person.id),
            person.created_at,
            entityid=person.id,
            externalid=person.id,
            firstname=person.first_name,
            lastname=person.last_name,
            email=person.email,
            subsidiary=native_id("subsidiary", person.legal_entity_id),
            hiredate=person.hire_date.isoformat(),
            isinactive="F",
        )


def _symbols(truth: Truth) -> list[str]:
    used = {entity.currency for entity in truth.legal_entities}
    used |= {customer.currency for customer in truth.customers}
    used |= {invoice.currency for invoice in truth.invoices}
    return sorted(used | {rate.from_currency for rate in truth.fx_rates})


def _periods(truth: Truth, at: datetime) -> Iterator[Row]:
    for period in truth.periods:
        closed = period.closed_at is not None and period.closed_at <= at
        id_ = native_id("period", period.id)
        calendar = native_id("subsidiary", period.legal_entity_id)
        changed = period.closed_at if closed and period.closed_at is not None else truth.start
        yield _row(
            "accountingperiod",
            id_,
            changed,
            periodname=f"{period.start_date:%b %Y}",
            startdate=period.start_date.isoformat(),
            enddate=period.end_date.isoformat(),
            closed=_flag(closed),
            closedondate=_instant(changed) if closed else None,
            alllocked=_flag(closed),
            arlocked=_flag(closed),
            aplocked=_flag(closed),
            isposting="T",
            isadjust="F",
            isquarter="F",
            isyear="F",
            isinactive="F",
        )
        yield _row(
            "accountingperiodfiscalcalendars",
            id_,
            truth.start,
            accountingperiod=id_,
            fiscalcalendar=calendar,
            fullname=f"{period.legal_entity_id} : {period.start_date:%b %Y}",
        )


def _rates(truth: Truth, at: datetime) -> Iterator[Row]:
    homes = {entity.currency: native_id("subsidiary", entity.id) for entity in reversed(truth.legal_entities)}
    spots: dict[tuple[str, str, str], list[Decimal]] = defaultdict(list)
    for rate in truth.fx_rates:
        if rate.rate_type == "spot":
            spots[rate.from_currency, rate.to_currency, f"{rate.rate_date:%Y-%m}"].append(rate.rate)
    calendars = {(p.legal_entity_id, p.month): native_id("period", p.id) for p in truth.periods}
    entities = {native_id("subsidiary", entity.id): entity.id for entity in truth.legal_entities}
    for rate in truth.fx_rates:
        day = datetime(rate.rate_date.year, rate.rate_date.month, rate.rate_date.day, tzinfo=UTC)
        source, target = currency_id(rate.from_currency), currency_id(rate.to_currency)
        if rate.rate_type == "spot" and day <= at:
            yield _row(
                "currencyrate",
                f"{rate.rate_date:%Y%m%d}{int(source):03d}{int(target):03d}",
                day,
                basecurrency=target,
                transactioncurrency=source,
                effectivedate=rate.rate_date.isoformat(),
                exchangerate=_number(rate.rate),
            )
        # A closing rate is there once its last day is over.
        closing = day + timedelta(days=1)
        if rate.rate_type == "closing" and closing <= at and {rate.from_currency, rate.to_currency} <= set(homes):
            home = homes[rate.to_currency]
            month = f"{rate.rate_date:%Y-%m}"
            period = calendars.get((entities[home], month))
            if period is None:
                continue
            daily = spots[rate.from_currency, rate.to_currency, month] or [rate.rate]
            yield _row(
                "consolidatedexchangerate",
                f"{period}{int(source):03d}{int(target):03d}",
                closing,
                postingperiod=period,
                fromsubsidiary=homes[rate.from_currency],
                tosubsidiary=home,
                fromcurrency=source,
                tocurrency=target,
                currentrate=_number(rate.rate),
                averagerate=_number((sum(daily, Decimal(0)) / len(daily)).quantize(Decimal("0.00000001"))),
                historicalrate=_number(rate.rate),
            )


# -- customers, schedules and planned time --------------------------------------------------------------------------


def _customers(truth: Truth, at: datetime) -> Iterator[Row]:
    """Clients that the ERP knows. Their names are as entered: only the CRM hears of a new name by itself."""
    links = History(at)
    entities: dict[str, set[str]] = defaultdict(set)
    for contract in truth.contracts:
        if contract.signed_at <= at:
            entities[contract.customer_id].add(contract.legal_entity_id)
    by_id = {customer.id: customer for customer in truth.customers}
    for customer in truth.customers:
        id_ = links.customer(customer)
        if id_ is None or customer.known_to_erp_at is None:
            continue
        parent = by_id.get(customer.parent_id or "")
        yield _row(
            "customer",
            id_,
            customer.known_to_erp_at,
            datecreated=_instant(customer.known_to_erp_at),
            entityid=customer.id,
            externalid=customer_external_id(customer.id),
            custentity_crm_account=customer_external_id(customer.id).replace("_", ":", 1),
            companyname=customer.name,
            custentity_legal_name=customer.legal_name,
            vatregnumber=customer.tax_id,
            custentity_country=customer.country,
            url=f"https://{customer.domain}",
            parent=links.customer(parent) if parent else None,
            currency=currency_id(customer.currency),
            terms=str(customer.payment_terms_days),
            creditholdoverride="AUTO",
            isperson="F",
            isinactive="F",
        )
        for entity in sorted({customer.legal_entity_id} | entities[customer.id]):
            subsidiary = native_id("subsidiary", entity)
            yield _row(
                "customersubsidiaryrelationship",
                relationship_id(id_, subsidiary),
                customer.known_to_erp_at,
                entity=id_,
                subsidiary=subsidiary,
                isprimarysub=_flag(entity == customer.legal_entity_id),
                primarycurrency=currency_id(customer.currency),
                isinactive="F",
            )


def relationship_id(customer: str, subsidiary: str) -> str:
    """Id of the row that says that a customer buys from a subsidiary."""
    return f"{customer}{int(subsidiary):03d}"


def _schedules(truth: Truth, at: datetime) -> Iterator[Row]:
    """Billing schedules of the deals that became projects before our platform took over.

    A deal that was reopened and won again kept its schedule and its first project; the new contract replaced the old.
    """
    from sandbox.project import salesforce

    links = History(at)
    customers = {customer.id: customer for customer in truth.customers}
    deals = {deal.id: deal for deal in truth.opportunities}
    contracts: dict[str, Contract] = {}
    for contract in sorted(truth.contracts, key=lambda signed: signed.signed_at):
        if contract.signed_at <= at:
            contracts[contract.opportunity_id] = contract
    works: dict[str, list[Project]] = defaultdict(list)
    for work in truth.projects:
        if work.opportunity_id in contracts and links.project(work):
            works[work.opportunity_id].append(work)
    for opportunity_id, found in works.items():
        work, latest, contract = found[0], found[-1], contracts[opportunity_id]
        reference, payer = links.project(work), links.customer(customers[work.customer_id])
        if reference is None or payer is None or work.created_at is None or latest.created_at is None:
            continue
        deal = deals[opportunity_id]
        yield _row(
            "customrecord_billing_schedule",
            native_id("billing_schedule", deal.id),
            latest.created_at,
            created=_instant(work.created_at),
            name=deal.name,
            externalid=schedule_external_id(deal.id),
            custrecord_bs_customer=payer,
            custrecord_bs_project=reference,
            custrecord_bs_opportunity=salesforce.native_id("opportunity", deal.id),
            custrecord_bs_contract=salesforce.native_id("contract", contract.id),
            custrecord_bs_billing_method=work.billing_method,
            custrecord_bs_amount=_number(contract.amount),
            custrecord_bs_currency=contract.currency,
            custrecord_bs_start_date=contract.start_date.isoformat(),
            custrecord_bs_end_date=contract.end_date.isoformat(),
            custrecord_bs_status="Active",
            isinactive="F",
        )


def _planned_time(truth: Truth, at: datetime) -> Iterator[Row]:
    """A few allocated hours: they share the table of the actual ones and only `timetype` tells them apart."""
    for place, person in enumerate(truth.resources[:3], start=1):
        if person.created_at > at:
            continue
        yield _row(
            "timebill",
            str(7_000_000 + place),
            person.created_at,
            createddate=_instant(person.created_at),
            trandate=truth.today.date().isoformat(),
            employee=native_id("employee", person.id),
            subsidiary=native_id("subsidiary", person.legal_entity_id),
            hours="40",
            isbillable="F",
            timetype="B",
            memo="Allocated, not worked",
        )


# -- invoices, credit memos, payments -------------------------------------------------------------------------------


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
            yield _row(
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
                foreignamount=_number(amount),
                lastmodifieddate=_instant(moment),
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
            amounts = {"foreignamountpaid": _number(paid), "foreignamountunpaid": _number(left)}
        else:
            left = -self.gross - self.used
            amounts = {
                "foreignpaymentamountused": _number(self.used),
                "foreignpaymentamountunused": _number(left),
            }
        status = "D" if not self.posted else "B" if left <= 0 else "A"
        return _row(
            "transaction",
            self.id,
            changed,
            type=self.type,
            tranid=invoice.number,
            trandate=invoice.invoice_date.isoformat(),
            duedate=invoice.due_date.isoformat(),
            createddate=_instant(invoice.created_at),
            entity=self.payer,
            currency=None if self.rule == "invoice_currency_present" else currency_id(invoice.currency),
            exchangerate=_number(self.rate),
            foreigntotal=_number(self.gross),
            **amounts,
            status=status,
            approvalstatus="2" if self.posted else "1",
            posting=_flag(self.posted),
            voided="F",
            postingperiod=native_id("period", f"{invoice.posting_period}:{invoice.legal_entity_id}")
            if self.posted and invoice.posting_period
            else None,
            custbody_posted_at=_instant(invoice.posted_at) if self.posted and invoice.posted_at else None,
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
                quantity=_number(-line.quantity),
                rate=_number(line.rate),
                custcol_line_type=line.line_type,
                custcol_psa_entry=kantata.native_id("time_entry", line.time_entry_id) if line.time_entry_id else None,
                custcol_milestone=kantata.native_id("milestone", line.milestone_id) if line.milestone_id else None,
            )
        tax = tax_amount(invoice)
        if tax:
            top = max((line.line_no for line in invoice.lines), default=0)
            yield self._line(top + 1, -tax, taxline="T", item=TAX_ITEM)

    def _line(self, number: int, amount: Decimal, **columns: str | None) -> Row:
        return _row(
            "transactionline",
            str(int(self.id) * LINES_PER_DOCUMENT + number),
            self.invoice.created_at,
            uniquekey=str(int(self.id) * LINES_PER_DOCUMENT + number),
            transaction=self.id,
            id=str(number),
            linesequencenumber=str(number),
            linelastmodifieddate=_instant(self.invoice.created_at),
            subsidiary=native_id("subsidiary", self.invoice.legal_entity_id),
            foreignamount=_number(amount),
            netamount=_number((amount * self.rate).quantize(_CENT, ROUND_HALF_UP)),
            **{"mainline": "F", "taxline": "F", **columns},
        )

    def _payment(self, payment: Payment) -> Iterator[Row]:
        id_ = native_id("payment", payment.id)
        subsidiary = native_id("subsidiary", self.invoice.legal_entity_id)
        yield _row(
            "transaction",
            id_,
            payment.applied_at,
            type="CustPymt",
            tranid=payment.id,
            trandate=payment.received_date.isoformat(),
            createddate=_instant(payment.applied_at),
            entity=self.payer,
            currency=currency_id(payment.currency),
            exchangerate=_number(self.rate),
            foreigntotal=_number(payment.amount),
            foreignpaymentamountused=_number(payment.amount),
            foreignpaymentamountunused="0",
            status="C",
            approvalstatus="2",
            posting="T",
            voided="F",
            custbody_posted_at=_instant(payment.applied_at),
        )
        yield _row(
            "transactionline",
            str(int(id_) * LINES_PER_DOCUMENT),
            payment.applied_at,
            uniquekey=str(int(id_) * LINES_PER_DOCUMENT),
            transaction=id_,
            id="0",
            linesequencenumber="0",
            linelastmodifieddate=_instant(payment.applied_at),
            subsidiary=subsidiary,
            entity=self.payer,
            foreignamount=_number(payment.amount),
            netamount=_number((payment.amount * self.rate).quantize(_CENT, ROUND_HALF_UP)),
            mainline="T",
            taxline="F",
        )


# -- shapes ---------------------------------------------------------------------------------------------------------

# Tables that say when a row was changed; the others are read whole.
_STAMPED = {
    "customer", "customersubsidiaryrelationship", "transaction", "currencyrate", "customrecord_billing_schedule",
    "timebill", "employee", "subsidiary",
}  # fmt: skip


def _row(table: str, id_: str, modified: datetime, **columns: str | None) -> Row:
    """A record without its empty columns, whole seconds, with the columns that every table of its kind has."""
    record: dict[str, Any] = {} if table in _WITHOUT_ID else {"id": id_}
    record |= {name: value for name, value in columns.items() if value is not None}
    changed = modified.astimezone(UTC).replace(microsecond=0)
    if table in _STAMPED:
        record[CHANGE_COLUMN.get(table, "lastmodifieddate")] = _instant(changed)
    return Row(table, id_, record, changed)


_WITHOUT_ID = {"nexttransactionlinelink", "accountingperiodfiscalcalendars"}
CHANGE_COLUMN = {"customrecord_billing_schedule": "lastmodified"}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _flag(value: bool) -> str:
    return "T" if value else "F"


def _number(value: Decimal) -> str:
    """A number as NetSuite writes it: no trailing zeros, no exponent."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
