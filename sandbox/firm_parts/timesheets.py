"""Who worked when on what, and how the hours were submitted, rejected and approved.

Entries on the firm's own internal projects and on pilots without a deal are not billable; a few hours on client
projects at a fixed price aren't either (travel, rework). Everything else is billable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from random import Random

from sandbox.firm_parts.base import (
    DAY,
    Frame,
    add_workdays,
    instant,
    is_workday,
    local_date,
    month_of,
    on_workday,
)
from sandbox.firm_parts.books import Books
from sandbox.firm_parts.projects import Plan
from sandbox.firm_parts.words import INTERNAL_NOTES, NOTES
from sandbox.truth import Resource, StatusEvent, TimeEntry

QUARTERS = tuple((Decimal(q) / 4).quantize(Decimal("0.01")) for q in range(60))


@dataclass
class _Draft:
    """A time entry without its id."""

    created: datetime
    order: int
    plan: Plan
    person: Resource
    day: date
    quarters: int
    billable: bool
    note: str
    events: tuple[StatusEvent, ...]
    replaces: _Draft | None = None
    id: str = ""


class Timesheets:
    """Simulates one person after the other, each with streams of his own."""

    def __init__(self, frame: Frame, plans: list[Plan], people: tuple[Resource, ...], books: Books) -> None:
        self.frame = frame
        self.books = books
        self.people = people
        self.horizon = frame.horizon
        self.internal = {plan.entity: plan for plan in plans if plan.internal}
        self.mine: dict[str, list[tuple[Plan, float]]] = {person.id: [] for person in people}
        for plan in plans:
            for person, weight in plan.team:
                self.mine[person.id].append((plan, weight))
        self.drafts: list[_Draft] = []
        self._approvals: dict[tuple[str, str, datetime, bool], StatusEvent] = {}
        self._approval_streams: dict[tuple[str, str], Random] = {}
        self._partner = {
            entity: next(p for p in people if p.legal_entity_id == entity and p.role == "partner").email
            for entity in ("DE01", "US01")
        }

    def run(self) -> tuple[TimeEntry, ...]:
        """All entries, in the order in which they were created."""
        for person in self.people:
            self._live(person)
        keep = [draft for draft in self.drafts if draft.created <= self.horizon]
        keep.sort(key=lambda draft: (draft.created, draft.person.id, draft.order))
        for number, draft in enumerate(keep, 1):
            draft.id = f"T{number:06d}"
        return tuple(
            TimeEntry(
                draft.id,
                draft.plan.id,
                draft.person.id,
                draft.day,
                QUARTERS[draft.quarters],
                draft.billable,
                draft.note,
                draft.created,
                tuple(event for event in draft.events if event.at <= self.horizon),
                draft.replaces.id if draft.replaces else None,
            )
            for draft in keep
        )

    def _live(self, person: Resource) -> None:
        """One person's days, week by week: every week is one submission."""
        frame, entity = self.frame, person.legal_entity_id
        rng = frame.stream("time", person.id)
        away = self._absences(person)
        weekly_filler = rng.random() < 0.35
        first = max(person.hire_date, frame.first_day)
        last = min(person.termination_date or frame.horizon.date(), frame.horizon.date())
        monday = first - DAY * first.weekday()
        while monday <= last:
            days = [
                day
                for day in (monday + DAY * offset for offset in range(5))
                if first <= day <= last and day not in away and is_workday(entity, day) and rng.random() > 0.02
            ]
            if days:
                self._week(rng, person, days, weekly_filler)
            monday += DAY * 7

    def _absences(self, person: Resource) -> set[date]:
        """Five weeks of leave a year, in blocks of one or two weeks."""
        rng = self.frame.stream("leave", person.id)
        out: set[date] = set()
        day = self.frame.first_day + DAY * rng.randint(0, 70)
        while day <= self.horizon.date():
            weeks = rng.choice((1, 1, 2))
            monday = day - DAY * day.weekday()
            out.update(monday + DAY * offset for offset in range(7 * weeks))
            day = monday + DAY * (7 * weeks + rng.randint(60, 115))
        return out

    def _week(self, rng: Random, person: Resource, days: list[date], weekly_filler: bool) -> None:
        entity = person.legal_entity_id
        friday = days[0] + DAY * (4 - days[0].weekday())
        end = min(friday, person.termination_date) if person.termination_date else friday
        draw = rng.random()
        if draw < 0.66 or end != friday:
            submitted_at = instant(entity, end, rng.randrange(17 * 60 + 15, 20 * 60), rng.randrange(60))
        elif draw < 0.95:
            submitted_at = instant(
                entity, on_workday(entity, friday + DAY * 3), rng.randrange(480, 620), rng.randrange(60)
            )
        else:
            late = on_workday(entity, friday + DAY * rng.randint(4, 9))
            submitted_at = instant(entity, late, rng.randrange(480, 620), rng.randrange(60))
        submitted = StatusEvent("submitted", submitted_at, person.email)
        active = [
            (plan, weight)
            for plan, weight in self.mine[person.id]
            if plan.work_from <= days[-1] and plan.work_to >= days[0]
        ]
        for day in days:
            if rng.random() < 0.0022 and (day.replace(day=1) < self.frame.today.date().replace(day=1)):
                self._forgotten_day(rng, person, day, active)
                continue
            filled = end if weekly_filler else day
            minute = rng.randrange(14 * 60, 16 * 60 + 50)
            for index, (plan, quarters) in enumerate(self._day(rng, day, entity, active)):
                created = instant(entity, filled, minute + index, rng.randrange(60))
                self._entry(rng, person, plan, day, quarters, created, submitted)

    def _day(self, rng: Random, day: date, entity: str, active: list[tuple[Plan, float]]) -> list[tuple[Plan, int]]:
        """Split a day of 7 to 9.5 hours over one to four pieces of work, in quarters of an hour."""
        total = rng.choice((28, 30, 32, 32, 32, 33, 34, 36, 38))
        ranked = sorted(
            (
                (rng.random() * weight, index, plan)
                for index, (plan, weight) in enumerate(active)
                if plan.work_from <= day <= plan.work_to and not any(a <= day < b for a, b in plan.holds)
            ),
            key=itemgetter(0, 1),
            reverse=True,
        )
        pieces = [plan for _, _, plan in ranked[: rng.choice((1, 2, 2, 3, 3, 3))]]
        if not pieces or rng.random() < 0.16:
            pieces.append(self.internal[entity])
        cuts = sorted(rng.sample(range(2, total - 1), len(pieces) - 1)) if len(pieces) > 1 else []
        edges = [0, *cuts, total]
        return [(plan, edges[index + 1] - edges[index]) for index, plan in enumerate(pieces)]

    def _forgotten_day(self, rng: Random, person: Resource, day: date, active: list[tuple[Plan, float]]) -> None:
        """A day that was entered only after the books of its month were closed: backdated time."""
        entity = person.legal_entity_id
        closed = self.books.closed_at(entity, month_of(day))
        if closed is None:
            return
        when = add_workdays(entity, local_date(entity, closed), rng.randint(1, 5))
        submitted = StatusEvent("submitted", instant(entity, when, rng.randrange(1025, 1100)), person.email)
        for index, (plan, quarters) in enumerate(self._day(rng, day, entity, active)):
            created = instant(entity, when, 960 + index, rng.randrange(60))
            self._entry(rng, person, plan, day, quarters, created, submitted)

    def _entry(
        self,
        rng: Random,
        person: Resource,
        plan: Plan,
        day: date,
        quarters: int,
        created: datetime,
        submitted: StatusEvent,
    ) -> None:
        charged = plan.deal is not None
        billable = charged and (plan.method in ("time_and_materials", "retainer") or rng.random() > 0.03)
        note = rng.choice(NOTES if charged else INTERNAL_NOTES)
        decided = self._approval(plan, person, day, submitted)
        draw = rng.random()
        events: tuple[StatusEvent, ...] = (submitted, decided)
        draft = _Draft(created, len(self.drafts), plan, person, day, quarters, billable, note, events)
        self.drafts.append(draft)
        if not charged:
            return
        if draw < 0.006 and quarters > 3:
            refused = StatusEvent("rejected", decided.at, decided.actor)
            draft.events = (submitted, refused)
            self._replace(rng, draft, refused.at)
        elif draw < 0.008 and quarters > 3 and day.day <= 12 and decided.at < self._next_month(plan, day, 17):
            # Approved and then taken back, before any invoice run could bill it.
            back = self.frame.after(rng, plan.entity, decided.at, 2, 4)
            draft.events = (submitted, decided, StatusEvent("rejected", back, decided.actor))
            self._replace(rng, draft, back)
        elif draw < 0.0086:
            # The manager has never decided.
            draft.events = (submitted,)

    @staticmethod
    def _next_month(plan: Plan, day: date, until: int) -> datetime:
        return instant(plan.entity, day.replace(day=until), 0)

    def _replace(self, rng: Random, wrong: _Draft, refused_at: datetime) -> None:
        """The person enters the day again with fewer hours."""
        entity, person = wrong.plan.entity, wrong.person
        at = self.frame.after(rng, entity, refused_at, 1, 2)
        if person.termination_date and local_date(entity, at) > person.termination_date:
            return
        submitted = StatusEvent("submitted", at + timedelta(minutes=rng.randint(5, 50)), person.email)
        approved = StatusEvent("approved", self.frame.after(rng, entity, submitted.at, 1, 2), wrong.events[1].actor)
        self.drafts.append(
            _Draft(
                at, len(self.drafts), wrong.plan, person, wrong.day, max(1, wrong.quarters - rng.randint(1, 2)),
                wrong.billable, wrong.note, (submitted, approved), wrong,
            )
        )  # fmt: skip

    def _approval(self, plan: Plan, person: Resource, day: date, submitted: StatusEvent) -> StatusEvent:
        """One decision a submission and project, by the project's manager (never by the person himself)."""
        slow = month_of(day) in plan.slow_months
        key = (plan.id, person.id, submitted.at, slow)
        found = self._approvals.get(key)
        if found is not None:
            return found
        entity = plan.entity
        rng = self._approval_streams.get((plan.id, person.id))
        if rng is None:
            rng = self.frame.stream("approval", f"{plan.id}:{person.id}")
            self._approval_streams[plan.id, person.id] = rng
        sent = local_date(entity, submitted.at)
        at: datetime | None = None
        if slow and (closed := self.books.closed_at(entity, month_of(day))):
            after_close = add_workdays(entity, local_date(entity, closed), rng.randint(1, 6))
            at = instant(entity, after_close, rng.randrange(540, 1080), rng.randrange(60))
        if at is None or at <= submitted.at:
            late = add_workdays(entity, sent, rng.choice((1, 1, 1, 2, 2, 3, 4)))
            at = instant(entity, late, rng.randrange(480, 1080), rng.randrange(60))
            if rng.random() < 0.3 and (same := instant(entity, sent, rng.randrange(680, 1080))) > submitted.at:
                at = same
        actor = plan.manager.email if plan.manager.id != person.id else self._approver_of_managers(person)
        found = self._approvals[key] = StatusEvent("approved", at, actor)
        return found

    def _approver_of_managers(self, person: Resource) -> str:
        partner = self._partner[person.legal_entity_id]
        other = next((p.email for p in self.people if p.id == person.manager_id), partner)
        return partner if partner != person.email else (other if other != person.email else "board@halvardlowe.de")
