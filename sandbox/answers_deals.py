"""Known answers about deals: the cycle from win to project, what waits, and what the loop must create."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sandbox.answers_index import Index, index, status_at
from sandbox.truth import Opportunity, Truth

SLA_DAYS = 3
_DAY = Decimal(86400)


@dataclass
class CycleTime:
    """Deals whose project was activated in a month. `days` is sorted; mean, median and p90 are None without any.

    `p90` is the nearest rank. `sla_pct` is the share (0 to 1) of completed deals and of deals that stayed open longer
    than the SLA at the end of the month; None where there are neither.
    """

    days: list[Decimal] = field(default_factory=list)
    opportunity_ids: list[str] = field(default_factory=list)
    mean: Decimal | None = None
    median: Decimal | None = None
    p90: Decimal | None = None
    n: int = 0
    in_sla: int = 0
    open_late: int = 0
    sla_pct: Decimal | None = None
    started_before_win: int = 0
    excluded_non_services: int = 0


@dataclass(frozen=True)
class Waiting:
    """Deals that are won and have no active project: how many, the age of the oldest in days, and which."""

    count: int
    oldest_age_days: Decimal | None
    opportunity_ids: tuple[str, ...]


def wins(deal: Opportunity, known_at: datetime) -> list[datetime]:
    """Every transition INTO won recorded by an instant; an edit of a deal that is won already is none."""
    out, before = [], ""
    for event in sorted(deal.stages, key=lambda one: one.at):
        if event.at <= known_at:
            if event.stage == "closed_won" and before != "closed_won":
                out.append(event.at)
            before = event.stage
    return out


def effective_won_at(deal: Opportunity, known_at: datetime) -> datetime | None:
    """The last transition into won, if the deal is still won at that instant."""
    seen = [event for event in deal.stages if event.at <= known_at]
    if not seen or max(seen, key=lambda one: one.at).stage != "closed_won":
        return None
    return wins(deal, known_at)[-1]


@dataclass(frozen=True)
class _Outcome:
    """What became of a won deal, as known at an instant: completed | started_before_win | open."""

    kind: str
    won: datetime
    # When the clock stopped (completed), or the activation before the win.
    at: datetime | None
    days: Decimal


def _outcome(
    known: Index, deal: Opportunity, known_at: datetime, provisioned: Mapping[str, datetime] | None
) -> _Outcome | None:
    """None where the deal isn't won in force.

    A reopened deal needs no second activation where a project is active at the moment of the win in force.
    `provisioned` adds the projects that our own push created: opportunity id -> instant of activation.
    """
    won = effective_won_at(deal, known_at)
    if won is None:
        return None
    active = [
        event.at
        for project in known.projects_of[deal.id]
        for event in project.statuses
        if event.status == "active" and event.at <= known_at
    ]
    if provisioned and deal.id in provisioned and provisioned[deal.id] <= known_at:
        active.append(provisioned[deal.id])
    after = [at for at in active if at >= won]
    if after:
        return _Outcome("completed", won, min(after), Decimal((min(after) - won).total_seconds()) / _DAY)
    if not active:
        return _Outcome("open", won, None, Decimal(0))
    if max(active) < wins(deal, known_at)[0]:
        return _Outcome("started_before_win", won, min(active), Decimal(0))
    if any(status_at(project.statuses, won) == "active" for project in known.projects_of[deal.id]):
        return _Outcome("completed", won, won, Decimal(0))
    return _Outcome("open", won, None, Decimal(0))


def quote_to_project(
    truth: Truth,
    legal_entity_id: str,
    month: str,
    knowledge_at: datetime,
    provisioned: Mapping[str, datetime] | None = None,
) -> CycleTime:
    """Cycle times of a legal entity by month of activation, as known at an instant.

    A deal whose only activation lies before its win counts as started before the win, in the month of that
    activation. A reopened deal whose project stayed active took 0 days, in the month of its win in force.
    """
    known = index(truth)
    out = CycleTime()
    completed: list[tuple[Decimal, str]] = []
    for deal in known.deals:
        if deal.legal_entity_id != legal_entity_id:
            continue
        outcome = _outcome(known, deal, knowledge_at, provisioned)
        if outcome is None:
            continue
        if not deal.is_services:
            out.excluded_non_services += _month(known, legal_entity_id, outcome.won) == month
        elif outcome.at is not None and _month(known, legal_entity_id, outcome.at) == month:
            if outcome.kind == "completed":
                completed.append((outcome.days, deal.id))
            else:
                out.started_before_win += 1
    completed.sort()
    out.days = [days for days, _ in completed]
    out.opportunity_ids = [key for _, key in completed]
    out.n = len(out.days)
    out.in_sla = sum(days <= SLA_DAYS for days in out.days)
    open_deals = _open(known, legal_entity_id, _last_day(month), knowledge_at, provisioned)
    out.open_late = sum(age > SLA_DAYS for age, _ in open_deals)
    if out.n:
        middle = out.n // 2
        out.mean = sum(out.days, Decimal(0)) / out.n
        out.median = out.days[middle] if out.n % 2 else (out.days[middle - 1] + out.days[middle]) / 2
        out.p90 = out.days[-(-out.n * 9 // 10) - 1]
    if out.n + out.open_late:
        out.sla_pct = Decimal(out.in_sla) / (out.n + out.open_late)
    return out


def _month(known: Index, legal_entity_id: str, at: datetime) -> str:
    return f"{known.day_of(legal_entity_id, at):%Y-%m}"


def _last_day(month: str) -> date:
    year, number = int(month[:4]), int(month[5:])
    return date.fromordinal(date(year + number // 12, number % 12 + 1, 1).toordinal() - 1)


def _open(
    known: Index,
    legal_entity_id: str,
    as_of: date,
    known_at: datetime,
    provisioned: Mapping[str, datetime] | None,
) -> list[tuple[Decimal, str]]:
    """(age in days, id) of the service deals that are open at the end of a day, or at `known_at` where that is earlier.

    The win is the one in force as known; a project that was activated after that end was still missing then.
    """
    until = min(known.end_of(legal_entity_id, as_of), known_at)
    out = []
    for deal in known.deals:
        if not deal.is_services or deal.legal_entity_id != legal_entity_id:
            continue
        outcome = _outcome(known, deal, known_at, provisioned)
        if outcome is None or outcome.won > until or outcome.kind == "started_before_win":
            continue
        if outcome.at is None or outcome.at > until:
            out.append((Decimal((until - outcome.won).total_seconds()) / _DAY, deal.id))
    return sorted(out)


def won_without_project(
    truth: Truth,
    legal_entity_id: str,
    as_of: date,
    knowledge_at: datetime,
    provisioned: Mapping[str, datetime] | None = None,
) -> Waiting:
    """Service deals won by the end of `as_of` (or by `knowledge_at`, if earlier) whose project was not active then."""
    found = _open(index(truth), legal_entity_id, as_of, knowledge_at, provisioned)
    return Waiting(len(found), found[-1][0] if found else None, tuple(sorted(key for _, key in found)))


def orphan_projects(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> list[str]:
    """Ids of projects that no deal stands behind (the firm's internal ones too) and that existed by then."""
    known = index(truth)
    until = min(known.end_of(legal_entity_id, as_of), knowledge_at)
    return [
        project.id
        for project in known.projects
        if project.opportunity_id is None
        and project.legal_entity_id == legal_entity_id
        and project.created_at is not None
        and project.created_at <= until
    ]


def eligible_for_provisioning(truth: Truth, at: datetime) -> list[str]:
    """Ids of the deals that must have customer, project and billing schedule: won in force, services, approved."""
    return [
        deal.id
        for deal in index(truth).deals
        if deal.is_services
        and effective_won_at(deal, at) is not None
        and deal.contract_approved_at is not None
        and deal.contract_approved_at <= at
    ]


@dataclass(frozen=True)
class LoopExpectation:
    """What the loop finds and must have done at an instant; ids of opportunities, customers and invoices.

    `has_project`: eligible, and people have created the project already. `to_create`: eligible, our push creates it.
    `waiting`: won services that aren't eligible, with the reason. `new_customers`: customers of `to_create` that the
    ERP doesn't know. `posted_invoices`: whose status must reach the CRM.
    """

    eligible: tuple[str, ...]
    has_project: tuple[str, ...]
    to_create: tuple[str, ...]
    waiting: Mapping[str, str]
    new_customers: tuple[str, ...]
    posted_invoices: tuple[str, ...]


def loop_expectations(truth: Truth, at: datetime) -> LoopExpectation:
    """The loop's work at an instant, before our own push has done any of it."""
    known = index(truth)
    eligible = eligible_for_provisioning(truth, at)
    deals = {deal.id: deal for deal in known.deals}
    existing = [
        key
        for key in eligible
        if any(project.created_at and project.created_at <= at for project in known.projects_of[key])
    ]
    to_create = [key for key in eligible if key not in set(existing)]
    waiting = {
        deal.id: "contract not approved"
        for deal in known.deals
        if deal.is_services and effective_won_at(deal, at) is not None and deal.id not in set(eligible)
    }
    buyers = {deals[key].customer_id for key in to_create}
    new = [
        customer.id
        for customer in truth.customers
        if customer.id in buyers and (customer.known_to_erp_at is None or customer.known_to_erp_at > at)
    ]
    posted = tuple(invoice.id for when, invoice in known.posted if when <= at)
    return LoopExpectation(tuple(eligible), tuple(existing), tuple(to_create), waiting, tuple(new), posted)
