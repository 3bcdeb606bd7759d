"""Builds the simulated firm: two years of a consultancy's life and sixty decided days of its future.

Deterministic: the same start, seed and scale give the same truth. Every kind of object draws from random streams of
its own, so a new kind does not shift the others. What an object looks like in a vendor's system is in
`sandbox/project`; what the KPIs of this firm must be is in `sandbox/answers.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from sandbox.firm_parts import contracts, customers, deals, defects, fixed_billing, people, projects
from sandbox.firm_parts.base import Frame, round_to
from sandbox.firm_parts.billing import TimeBiller
from sandbox.firm_parts.books import ENTITIES, Books, fx_rates
from sandbox.firm_parts.deals import Deal
from sandbox.firm_parts.documents import Desk
from sandbox.firm_parts.projects import Plan
from sandbox.firm_parts.timesheets import Timesheets
from sandbox.truth import (
    Amendment,
    Customer,
    Invoice,
    Milestone,
    Opportunity,
    Project,
    Resource,
    StageEvent,
    TimeEntry,
    Truth,
)


def build(start: datetime, seed: int, scale: float = 1.0) -> Truth:
    """The firm as it stands at `start` (its today), with 24 months before it and 60 days after it.

    Args:
        start: the firm's today; an aware UTC instant.
        seed: another seed, another firm with the same habits.
        scale: multiplies the volume; every scenario stays, however small the firm.

    Raises:
        ValueError: if `start` has no time zone or `scale` is not positive.
    """
    if start.tzinfo is None or scale <= 0:
        raise ValueError(f"the firm needs an aware start and a positive scale, got {start!r} and {scale}")
    frame = Frame(start.astimezone(UTC), seed, scale)
    books = Books(frame)
    staff = people.resources(frame)
    rate_lines = people.rate_card_lines(frame)
    rates = contracts.Rates(rate_lines)
    plan = deals.plan(frame)
    clients = customers.build(frame, plan)
    engagements = projects.plan(frame, plan, clients, staff)
    entries = Timesheets(frame, engagements, staff, books).run()
    terms = contracts.write(frame, engagements, entries, staff, rates)
    invoices = _bill(frame, books, clients, engagements, entries, terms, staff, rates)
    projects_out = tuple(_project(one, terms) for one in engagements)
    truth = Truth(
        start=datetime.combine(frame.first_day, time(0), UTC),
        today=frame.today,
        legal_entities=ENTITIES,
        periods=books.periods,
        fx_rates=fx_rates(frame),
        customers=tuple(_known(client, projects_out, invoices) for client in clients),
        opportunities=tuple(_opportunity(frame, deal) for deal in plan),
        contracts=tuple(terms.contracts),
        amendments=tuple(terms.amendments),
        projects=projects_out,
        resources=staff,
        rate_card_lines=rate_lines,
        time_entries=entries,
        milestones=tuple(terms.milestones),
        invoices=invoices,
        payments=fixed_billing.payments(frame, invoices),
    )
    return defects.spoil(frame, truth, books, rates)


def _bill(
    frame: Frame, books: Books, clients: list[Customer], engagements: list[Plan], entries: tuple[TimeEntry, ...],
    terms: contracts.Terms, staff: tuple[Resource, ...], rates: contracts.Rates,
) -> tuple[Invoice, ...]:  # fmt: skip
    desk = Desk(frame, books, clients)
    roles = {person.id: person.role for person in staff}
    work: dict[str, list[TimeEntry]] = defaultdict(list)
    for entry in entries:
        work[entry.project_id].append(entry)
    amendments: dict[str, list[Amendment]] = defaultdict(list)
    for amendment in terms.amendments:
        amendments[amendment.contract_id].append(amendment)
    milestones: dict[str, list[Milestone]] = defaultdict(list)
    for milestone in terms.milestones:
        milestones[milestone.project_id].append(milestone)
    by_id = {contract.id: contract for contract in terms.contracts}
    for one in engagements:
        if one.contract_id is None:
            continue
        contract = by_id[one.contract_id]
        if one.method == "time_and_materials":
            TimeBiller(frame, desk, one, contract, amendments[contract.id], work[one.id], roles, rates).run()
        elif one.method == "fixed_fee":
            fixed_billing.bill_fixed_fee(frame, desk, one, contract, amendments[contract.id])
        elif one.method == "milestone":
            fixed_billing.bill_milestones(frame, desk, one, contract, milestones[one.id])
        else:
            fixed_billing.bill_retainer(frame, desk, one, contract, work[one.id])
    return desk.invoices()


def _project(one: Plan, terms: contracts.Terms) -> Project:
    return Project(
        id=one.id,
        name=one.name,
        contract_id=one.contract_id,
        opportunity_id=one.deal.id if one.deal else None,
        customer_id=one.customer_id,
        legal_entity_id=one.entity,
        currency=one.currency,
        billing_method=one.method,
        service_line=one.service_line,
        manager_id=one.manager.id,
        start_date=one.work_from,
        end_date=one.work_to,
        planned_hours=terms.planned_hours.get(one.id, round_to(1, 10)),
        rate_card_id=one.rate_card_id,
        created_at=one.created_at,
        statuses=tuple(one.statuses),
    )


def _known(client: Customer, projects_out: tuple[Project, ...], invoices: tuple[Invoice, ...]) -> Customer:
    """When the PSA and the ERP came to know a client: just before its first project and its first invoice."""
    created = [p.created_at for p in projects_out if p.customer_id == client.id and p.created_at]
    if not created or client.known_to_psa_at:
        return client
    psa = max(client.created_at, min(created) - timedelta(minutes=12))
    billed = [i.created_at for i in invoices if i.customer_id == client.id]
    erp = min([min(created) + timedelta(hours=20), *(at - timedelta(minutes=30) for at in billed)])
    return replace(client, known_to_psa_at=psa, known_to_erp_at=max(erp, psa))


def _opportunity(frame: Frame, deal: Deal) -> Opportunity:
    final = deal.amount
    if final == 0:
        rng = frame.stream("deal-amount", deal.id)
        final = round_to(rng.choice((12, 25, 40, 60, 90, 140, 220)) * rng.uniform(700, 1300), 100)
    return Opportunity(
        id=deal.id,
        customer_id=deal.customer_id,
        name=deal.name,
        currency=deal.currency,
        legal_entity_id=deal.entity,
        service_line=deal.service_line,
        is_services=deal.is_services,
        billing_method=deal.method,
        owner_email=deal.owner_email,
        created_at=deal.created_at,
        stages=tuple(
            StageEvent(
                stage.stage, final if stage.factor == 1.0 else round_to(float(final) * stage.factor, 100),
                stage.probability, stage.expected_close, stage.at,
            )
            for stage in deal.stages
        ),
        contract_approved_at=deal.approved_at,
    )  # fmt: skip
