"""The plan of every project: its life, its team, its habits. Hours and prices come later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from sandbox.firm_parts.base import DAY, Frame, instant, local_date, month_of, on_workday, shift_month
from sandbox.firm_parts.books import CURRENCY
from sandbox.firm_parts.deals import Deal
from sandbox.firm_parts.people import card_of
from sandbox.truth import BillingMethod, Customer, Resource, StatusEvent

# Shortest and longest work in days by billing method.
_SPAN = {
    "time_and_materials": (150, 480),
    "fixed_fee": (120, 330),
    "milestone": (120, 330),
    "retainer": (240, 660),
}


@dataclass
class Plan:
    """A draft of a project."""

    deal: Deal | None
    part: int
    entity: str
    method: BillingMethod
    service_line: str
    currency: str
    customer_id: str
    name: str
    work_from: date
    work_to: date
    created_at: datetime | None
    statuses: list[StatusEvent]
    manager: Resource
    internal: bool = False
    holds: list[tuple[date, date]] = field(default_factory=list)
    # (resource, weight of its days)
    team: list[tuple[Resource, float]] = field(default_factory=list)
    # Work months whose approvals come only after the month was closed.
    slow_months: set[str] = field(default_factory=set)
    # Some clients want one invoice a consultant, some are billed only every third month.
    bills_per_person: bool = False
    bills_quarterly: bool = False
    id: str = ""
    contract_id: str | None = None

    @property
    def key(self) -> str:
        """A stable name for random streams, independent of numbering."""
        if self.deal is None:
            return f"{self.name}:{self.entity}"
        return f"{self.deal.fate}:{self.deal.id}:{self.part}"

    @property
    def rate_card_id(self) -> str:
        """The card of the contract's currency."""
        return card_of(self.entity, self.currency, CURRENCY[self.entity])


def plan(frame: Frame, deals: list[Deal], customers: list[Customer], people: tuple[Resource, ...]) -> list[Plan]:
    """All projects with team and id, in the order of their first work day (internal ones first)."""
    internal = {c.legal_entity_id: c for c in customers if "(internal)" in c.name}
    plans: list[Plan] = []
    for deal in deals:
        if deal.fate in ("delivered", "fresh", "waiting", "future_won") and deal.approved_at:
            for part in range(2 if deal.two_projects else 1):
                rng = frame.stream("project", f"{deal.id}:{part}")
                plans.append(_of_deal(frame, rng, deal, part, people))
    for entity in ("DE01", "US01"):
        manager = next(p for p in people if p.legal_entity_id == entity and p.role == "partner")
        first = instant(entity, on_workday(entity, frame.first_day - DAY * 30), 600)
        plans.append(
            Plan(
                None, 0, entity, "fixed_fee", "strategy", CURRENCY[entity], internal[entity].id, "Internal work",
                frame.first_day, frame.horizon.date(), first,
                _events(manager.email, (("created", first), ("active", first + timedelta(hours=1)))), manager, True,
            )
        )  # fmt: skip
        plans.append(_orphan(frame, entity, customers, manager))
    plans.sort(key=lambda p: (not p.internal, p.work_from, p.entity, p.customer_id, p.part))
    load: dict[str, list[tuple[date, date]]] = {person.id: [] for person in people}
    for number, one in enumerate(plans, 1):
        one.id = f"P{number:04d}"
        if not one.internal:
            _staff(frame, one, people, load)
    _make_late_approvers(frame, plans)
    return plans


def _events(actor: str, events: tuple[tuple[str, datetime], ...]) -> list[StatusEvent]:
    return [StatusEvent(status, at, actor) for status, at in events]


def _of_deal(frame: Frame, rng: Random, deal: Deal, part: int, people: tuple[Resource, ...]) -> Plan:
    entity = deal.entity
    managers = [
        p for p in people
        if p.legal_entity_id == entity and p.role in ("manager", "partner") and p.termination_date is None
    ]  # fmt: skip
    manager = rng.choice(managers)
    low, high = _SPAN[deal.method]
    span = timedelta(days=rng.randint(low, high))
    created: datetime | None = None
    statuses: list[StatusEvent] = []
    holds: list[tuple[date, date]] = []
    if deal.fate == "delivered" and deal.activated_at and deal.first_won:
        active = deal.activated_at
        if part:
            active = frame.after(rng, entity, active, 5, 12)
        earliest = active - timedelta(minutes=rng.randint(20, 600))
        created = earliest
        if not deal.starts_before_win and deal.approved_at:
            created = max(earliest, min(deal.approved_at, active - timedelta(minutes=10)) + timedelta(minutes=5))
        events = [("created", created), ("active", active)]
        start = local_date(entity, active) + DAY * rng.randint(1, 4)
        if deal.reopened in ("held", "still_open") and deal.reopened_at and deal.won:
            held = deal.reopened_at + timedelta(minutes=5)
            again = frame.after(rng, entity, deal.won, 1, 3)
            events += [("on_hold", held), ("active", again)]
            holds.append((local_date(entity, held), local_date(entity, again)))
        elif rng.random() < 0.08 and not (deal.starts_before_win or deal.reopened):
            held = frame.business_instant(rng, entity, start + span / 2)
            again = frame.after(rng, entity, held, 10, 24)
            events += [("on_hold", held), ("active", again)]
            holds.append((local_date(entity, held), local_date(entity, again)))
        closed = frame.business_instant(rng, entity, start + span + DAY * rng.randint(10, 40))
        events.append(("closed", closed))
        statuses = _events(manager.email, tuple(event for event in events if event[1] <= frame.horizon))
    else:
        # Our push creates these; work starts when it surely has.
        begin = local_date(entity, max(deal.approved_at or frame.today, frame.today))
        wait = (3, 9) if deal.fate == "fresh" else (14, 20)
        start = begin + DAY * rng.randint(*wait)
    return Plan(
        deal, part, entity, deal.method, deal.service_line, deal.currency, deal.customer_id,
        deal.name if part == 0 else f"{deal.name}, second stream",
        on_workday(entity, start), start + span, created, statuses, manager,
        holds=holds,
        bills_per_person=deal.method == "time_and_materials" and rng.random() < 0.42,
        bills_quarterly=deal.method == "time_and_materials" and rng.random() < 0.06,
    )  # fmt: skip


def _orphan(frame: Frame, entity: str, customers: list[Customer], manager: Resource) -> Plan:
    """Client work that no deal stands behind: a pilot that nobody sold."""
    rng = frame.stream("orphan", entity)
    start = on_workday(entity, frame.today.date() - DAY * rng.randint(150, 260))
    created = frame.business_instant(rng, entity, start - DAY * 3)
    olds = [
        c for c in customers
        if c.legal_entity_id == entity and "(internal)" not in c.name and c.created_at < created
    ]  # fmt: skip
    return Plan(
        None, 0, entity, "fixed_fee", "engineering", CURRENCY[entity], rng.choice(olds).id, "Pilot without a deal",
        on_workday(entity, start + DAY), start + DAY * 70, created,
        _events(manager.email, (("created", created), ("active", created + timedelta(hours=3)))), manager,
    )  # fmt: skip


def _staff(frame: Frame, one: Plan, people: tuple[Resource, ...], load: dict[str, list[tuple[date, date]]]) -> None:
    """Two to five people of the entity with the least other work; most of them stay to the end."""
    rng = frame.stream("team", one.key)
    size = rng.choice((3, 4, 4, 5, 6)) if one.method == "time_and_materials" else rng.choice((2, 3, 3, 4))
    if one.method == "retainer":
        size = rng.choice((2, 2, 3))
    fit = [
        p for p in people
        if p.legal_entity_id == one.entity
        and p.hire_date <= one.work_from
        and (p.termination_date is None or p.termination_date > one.work_from + DAY * 20)
    ]  # fmt: skip

    def busy(person: Resource) -> float:
        days = 0
        for start, end in load[person.id]:
            days += max(0, (min(end, one.work_to) - max(start, one.work_from)).days)
        # Partners sell more than they deliver.
        return days * (2.2 if person.role == "partner" else 1.0) + rng.random() * 60

    ranked = sorted(fit, key=busy)
    steady = next((p for p in ranked if p.termination_date is None), ranked[0])
    chosen = [steady, *[p for p in ranked if p is not steady][: size - 1]]
    for person in chosen:
        load[person.id].append((one.work_from, one.work_to))
        one.team.append((person, rng.uniform(0.6, 1.4)))


def _make_late_approvers(frame: Frame, plans: list[Plan]) -> None:
    """In each entity a few managers approve some months of a project only after the books are closed.

    One of the months is the last one that is closed today, so that the newest report is among those that moved.
    """
    newest = shift_month(month_of(frame.today.date()), -1)
    for entity in ("DE01", "US01"):
        rng = frame.stream("late-approval", entity)
        candidates = [p for p in plans if p.entity == entity and p.method == "time_and_materials" and p.created_at]
        for index in range(max(3, frame.count(5, 3))):
            month = newest if index == 0 else shift_month(newest, -rng.randint(1, 20))
            running = [p for p in candidates if month_of(p.work_from) < month < month_of(p.work_to)]
            if running:
                rng.choice(running).slow_months.add(month)
