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

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sandbox.project.netsuite_documents import ITEMS, documents, gross_amount, tax_amount
from sandbox.project.netsuite_rows import (
    History,
    Links,
    currency_id,
    customer_external_id,
    flag,
    instant,
    native_id,
    number,
    relationship_id,
    row,
    schedule_external_id,
)
from sandbox.project.row import Row
from sandbox.truth import Contract, Project, Truth

__all__ = [
    "History", "Links", "currency_id", "customer_external_id", "documents", "gross_amount", "native_id", "project",
    "relationship_id", "schedule_external_id", "standing", "tax_amount",
]  # fmt: skip


def project(truth: Truth, at: datetime) -> Iterator[Row]:
    """Every record as NetSuite holds it at `at`. Documents of customers and projects that do not exist are left out."""
    yield from standing(truth, at)
    yield from documents(truth, at, History(at))


def standing(truth: Truth, at: datetime) -> Iterator[Row]:
    """Everything but the documents: what the firm set up, periods, rates, customers, schedules, planned time."""
    yield from _company(truth)
    yield from _periods(truth, at)
    yield from _rates(truth, at)
    yield from _customers(truth, at)
    yield from _schedules(truth, at)
    yield from _planned_time(truth, at)


# -- what the firm set up once --------------------------------------------------------------------------------------


def _company(truth: Truth) -> Iterator[Row]:
    """Subsidiaries, calendars, currencies, terms, items, dimensions and employees."""
    day_one = truth.start
    for entity in truth.legal_entities:
        id_ = native_id("subsidiary", entity.id)
        yield row(
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
        yield row("fiscalcalendar", id_, day_one, name=f"Months of {entity.id}", isdefault=flag(id_ == "1"))
        yield row("location", id_, day_one, name=entity.id, externalid=entity.id, subsidiary=id_, isinactive="F")
    for symbol in _symbols(truth):
        yield row(
            "currency", currency_id(symbol), day_one, name=symbol, symbol=symbol, displaysymbol=symbol, isinactive="F"
        )
    for days in sorted({customer.payment_terms_days for customer in truth.customers}):
        yield row("term", str(days), day_one, name=f"Net {days}", daysuntilnetdue=str(days), isinactive="F")
    for id_, name in ITEMS.values():
        yield row("item", id_, day_one, itemid=name, displayname=name, itemtype="Service", isinactive="F")
    for place, practice in enumerate(sorted({person.practice for person in truth.resources}), start=1):
        yield row("department", str(place), day_one, name=practice, externalid=practice, isinactive="F")
    for place, line in enumerate(sorted({work.service_line for work in truth.projects}), start=1):
        yield row("classification", str(place), day_one, name=line, externalid=line, isinactive="F")
    for person in truth.resources:
        yield row(
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
        yield row(
            "accountingperiod",
            id_,
            changed,
            periodname=f"{period.start_date:%b %Y}",
            startdate=period.start_date.isoformat(),
            enddate=period.end_date.isoformat(),
            closed=flag(closed),
            closedondate=instant(changed) if closed else None,
            alllocked=flag(closed),
            arlocked=flag(closed),
            aplocked=flag(closed),
            isposting="T",
            isadjust="F",
            isquarter="F",
            isyear="F",
            isinactive="F",
        )
        yield row(
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
            yield row(
                "currencyrate",
                f"{rate.rate_date:%Y%m%d}{int(source):03d}{int(target):03d}",
                day,
                basecurrency=target,
                transactioncurrency=source,
                effectivedate=rate.rate_date.isoformat(),
                exchangerate=number(rate.rate),
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
            yield row(
                "consolidatedexchangerate",
                f"{period}{int(source):03d}{int(target):03d}",
                closing,
                postingperiod=period,
                fromsubsidiary=homes[rate.from_currency],
                tosubsidiary=home,
                fromcurrency=source,
                tocurrency=target,
                currentrate=number(rate.rate),
                averagerate=number((sum(daily, Decimal(0)) / len(daily)).quantize(Decimal("0.00000001"))),
                historicalrate=number(rate.rate),
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
        yield row(
            "customer",
            id_,
            customer.known_to_erp_at,
            datecreated=instant(customer.known_to_erp_at),
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
            yield row(
                "customersubsidiaryrelationship",
                relationship_id(id_, subsidiary),
                customer.known_to_erp_at,
                entity=id_,
                subsidiary=subsidiary,
                isprimarysub=flag(entity == customer.legal_entity_id),
                primarycurrency=currency_id(customer.currency),
                isinactive="F",
            )


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
        yield row(
            "customrecord_billing_schedule",
            native_id("billing_schedule", deal.id),
            latest.created_at,
            created=instant(work.created_at),
            name=deal.name,
            externalid=schedule_external_id(deal.id),
            custrecord_bs_customer=payer,
            custrecord_bs_project=reference,
            custrecord_bs_opportunity=salesforce.native_id("opportunity", deal.id),
            custrecord_bs_contract=salesforce.native_id("contract", contract.id),
            custrecord_bs_billing_method=work.billing_method,
            custrecord_bs_amount=number(contract.amount),
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
        yield row(
            "timebill",
            str(7_000_000 + place),
            person.created_at,
            createddate=instant(person.created_at),
            trandate=truth.today.date().isoformat(),
            employee=native_id("employee", person.id),
            subsidiary=native_id("subsidiary", person.legal_entity_id),
            hours="40",
            isbillable="F",
            timetype="B",
            memo="Allocated, not worked",
        )
