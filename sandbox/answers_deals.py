"""Known answers about deals: the cycle from win to project, what waits, and what the loop must create."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sandbox.answers_index import Index, index
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


def activations(
    known: Index, deal: Opportunity, known_at: datetime, provisioned: Mapping[str, datetime] | None = None
) -> list[datetime]:
    """Every `active` event of any project of a deal recorded by an instant, oldest first.

    `provisioned` adds the projects that our own push created: opportunity id -> instant of activation.
    """
    found = [
        event.at
        for project in known.projects_of[deal.id]
        for event in project.statuses
        if event.status == "active" and event.at <= known_at
    ]
    if provisioned and deal.id in provisioned and provisioned[deal.id] <= known_at:
        found.append(provisioned[deal.id])
    return sorted(found)


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
        won = effective_won_at(deal, knowledge_at) if deal.legal_entity_id == legal_entity_id else None
        if won is None:
            continue
        if not deal.is_services:
            out.excluded_non_services += _month(known, legal_entity_id, won) == month
            continue
        active = activations(known, deal, knowledge_at, provisioned)
        after = [at for at in active if at >= won]
        if after:
            done, days = after[0], Decimal((after[0] - won).total_seconds()) / _DAY
        elif active and wins(deal, knowledge_at)[0] <= active[-1]:
            done, days = won, Decimal(0)
        elif active:
            out.started_before_win += _month(known, legal_entity_id, active[0]) == month
            continue
        else:
            continue
        if _month(known, legal_entity_id, done) == month:
            completed.append((days, deal.id))
    completed.sort()
    out.days = [days for days, _ in completed]
    out.opportunity_ids = [key for _, key in completed]
    out.n = len(out.days)
    last_day = _last_day(month)
    until = min(known.end_of(legal_entity_id, last_day), knowledge_at)
    out.in_sla = sum(days <= SLA_DAYS for days in out.days)
    open_deals = _open(known, legal_entity_id, until, provisioned)
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
    known: Index, legal_entity_id: str, until: datetime, provisioned: Mapping[str, datetime] | None
) -> list[tuple[Decimal, str]]:
    """(age in days, id) of the service deals that are won at an instant and have had no active project by then."""
    out = []
    for deal in known.deals:
        if not deal.is_services or deal.legal_entity_id != legal_entity_id:
            continue
        won = effective_won_at(deal, until)
        if won is not None and not activations(known, deal, until, provisioned):
            out.append((Decimal((until - won).total_seconds()) / _DAY, deal.id))
    return sorted(out)


def won_without_project(
    truth: Truth,
    legal_entity_id: str,
    as_of: date,
    knowledge_at: datetime,
    provisioned: Mapping[str, datetime] | None = None,
) -> Waiting:
    """Service deals that were won at the earlier of end of `as_of` and `knowledge_at` and had no active project."""
    known = index(truth)
    until = min(known.end_of(legal_entity_id, as_of), knowledge_at)
    found = _open(known, legal_entity_id, until, provisioned)
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
