"""Contracts, amendments and milestones: prices that fit the hours which were really worked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from sandbox.firm_parts.base import DAY, Frame, local_date, on_workday, round_to
from sandbox.firm_parts.deals import Deal
from sandbox.firm_parts.projects import Plan
from sandbox.firm_parts.words import REASONS
from sandbox.truth import Amendment, Contract, ContractLine, Milestone, RateCardLine, Resource, TimeEntry

_REVENUE = {
    "time_and_materials": "as_billed",
    "fixed_fee": "poc_hours",
    "milestone": "on_acceptance",
    "retainer": "ratable_daily",
}
_PHASES = ("Kick-off", "Concept", "Design", "Prototype", "Pilot", "Roll-out", "Hand-over", "Acceptance")


class Rates:
    """The rate card in its two clocks."""

    def __init__(self, lines: tuple[RateCardLine, ...]) -> None:
        self._lines: dict[tuple[str, str], list[RateCardLine]] = defaultdict(list)
        for line in sorted(lines, key=lambda one: one.effective_from, reverse=True):
            self._lines[line.rate_card_id, line.role].append(line)

    def rate(self, card: str, role: str, day: date, known_at: datetime) -> Decimal:
        """Price of an hour of a role worked on a day, as known at an instant; 0 where there is none."""
        for line in self._lines[card, role]:
            if line.effective_from <= day and line.recorded_at <= known_at:
                return line.bill_rate
        return Decimal(0)

    def changed_between(self, card: str, since: datetime, until: datetime) -> bool:
        """Did somebody record a line of the card after `since` and at or before `until`?"""
        return any(
            since < line.recorded_at <= until
            for (one, _), lines in self._lines.items()
            if one == card
            for line in lines
        )


@dataclass
class Terms:
    """Everything commercial of one firm."""

    contracts: list[Contract] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    # Project id -> final planned hours, for the project record.
    planned_hours: dict[str, Decimal] = field(default_factory=dict)
    # The project whose contract is amended within the days after today.
    extended_soon: str | None = None


def write(
    frame: Frame,
    plans: list[Plan],
    entries: tuple[TimeEntry, ...],
    people: tuple[Resource, ...],
    rates: Rates,
) -> Terms:
    """The contract of every project of a deal, in the order in which they were signed; sets the deals' amounts."""
    work: dict[str, list[TimeEntry]] = defaultdict(list)
    for entry in entries:
        work[entry.project_id].append(entry)
    roles = {person.id: person.role for person in people}
    drafts = [(_signed_at(frame, plan, plan.deal), plan, plan.deal) for plan in plans if plan.deal]
    drafts.sort(key=lambda draft: (draft[0], draft[1].id))
    terms = Terms(extended_soon=_extended_soon(frame, plans))
    for number, (signed, plan, deal) in enumerate(drafts, 1):
        plan.contract_id = f"K{number:04d}"
        _Writer(frame, plan, deal, signed, work[plan.id], roles, rates, terms).write()
    terms.amendments.sort(key=lambda a: (a.signed_at, a.contract_id))
    terms.amendments = [
        Amendment(f"A{n:04d}", a.contract_id, a.number, a.effective_date, a.signed_at, a.amount_delta, a.hours_delta,
                  a.new_nte_cap, a.reason)
        for n, a in enumerate(terms.amendments, 1)
    ]  # fmt: skip
    terms.milestones.sort(key=lambda m: (m.created_at, m.project_id, m.planned_date))
    terms.milestones = [
        Milestone(f"M{n:04d}", m.project_id, m.contract_line_id, m.name, m.amount, m.planned_date, m.created_at,
                  m.achieved_at, m.accepted_at)
        for n, m in enumerate(terms.milestones, 1)
    ]  # fmt: skip
    return terms


def _extended_soon(frame: Frame, plans: list[Plan]) -> str | None:
    """A fixed price that people are working on today, and for some time to come; else any that runs."""
    today = frame.today.date()
    running = [
        plan
        for plan in plans
        if plan.method == "fixed_fee" and plan.deal and plan.work_from < today < plan.work_to - DAY * 20
    ]
    return max(running, key=lambda plan: (plan.work_to, plan.id)).id if running else None


def _signed_at(frame: Frame, plan: Plan, deal: Deal) -> datetime:
    """Signed before it is approved; the contract of a second stream a day before that stream starts."""
    rng = frame.stream("signature", plan.key)
    if deal.approved_at is None or deal.first_won is None:
        raise ValueError(f"{deal.id} has a project but was never won and approved")
    if plan.part and plan.created_at:
        return plan.created_at - timedelta(hours=rng.randint(20, 40))
    signed = deal.approved_at - timedelta(minutes=rng.randint(15, 50))
    return max(deal.first_won + timedelta(minutes=5), signed) if signed < deal.first_won else signed


class _Writer:
    """Writes one contract."""

    def __init__(
        self, frame: Frame, plan: Plan, deal: Deal, signed: datetime, work: list[TimeEntry], roles: dict[str, str],
        rates: Rates, terms: Terms,
    ) -> None:  # fmt: skip
        self.frame, self.plan, self.deal, self.signed, self.terms = frame, plan, deal, signed, terms
        self.work = sorted(work, key=lambda entry: (entry.work_date, entry.id))
        self.rng = frame.stream("contract", plan.key)
        self.values = [
            e.hours * rates.rate(plan.rate_card_id, roles[e.resource_id], e.work_date, frame.horizon) for e in self.work
        ]
        self.hours = sum((e.hours for e in self.work), Decimal(0))
        worked_to = min(plan.work_to, frame.horizon.date())
        done = max(1, (worked_to - plan.work_from).days)
        # Work beyond the horizon belongs to the price as well.
        self.stretch = Decimal(max(1, (plan.work_to - plan.work_from).days)) / done
        self.mean_rate = int(sum(self.values, Decimal(0)) / self.hours) if self.hours else 150

    def write(self) -> None:
        plan, rng = self.plan, self.rng
        method = plan.method
        expected = max(self.hours * self.stretch, Decimal(80))
        amount, cap, included, overage = Decimal(0), None, None, None
        planned = round_to(expected * Decimal(str(rng.choice((0.85, 0.92, 1.0, 1.08, 1.15)))), 10)
        extra: list[Amendment] = []
        line_id = f"{plan.contract_id}-1"
        if method == "time_and_materials":
            amount = round_to(planned * self.mean_rate, 500)
            cap, extra = self._cap()
        elif method == "retainer":
            months = max(1, round((plan.work_to - plan.work_from).days / 30.4))
            included = round_to(expected / months * Decimal(str(rng.choice((0.8, 0.9, 0.95, 1.05)))), 5)
            amount = included * (self.mean_rate - rng.randint(4, 14))
            overage = Decimal(self.mean_rate + rng.randint(4, 20)).quantize(Decimal("0.01"))
            planned = included * months
        else:
            planned, amount, extra = self._fixed_price(planned)
        months_amount = amount * max(1, round((plan.work_to - plan.work_from).days / 30.4)) if included else amount
        line = ContractLine(
            line_id, plan.contract_id or "", 1, method, _REVENUE[method], amount, planned, cap,  # type: ignore[arg-type]
            plan.rate_card_id, included, overage,
        )  # fmt: skip
        self.terms.contracts.append(
            Contract(
                plan.contract_id or "", f"CT-{plan.entity}-{(plan.contract_id or '')[1:]}", self.deal.id,
                plan.customer_id, plan.entity, plan.currency, self.signed, plan.work_from, plan.work_to, months_amount,
                (line,),
            )
        )  # fmt: skip
        if method == "milestone":
            self._milestones(line_id, amount, extra)
        self.terms.amendments += [a for a in extra if a.signed_at <= self.frame.horizon]
        self.terms.planned_hours[plan.id] = planned
        if plan.part == 0:
            self.deal.amount = months_amount

    def _amend(self, number: int, signed: datetime, delta: Decimal, hours: Decimal, cap: Decimal | None) -> Amendment:
        """Effective some days before or after the signature."""
        effective = local_date(self.plan.entity, signed) + DAY * self.rng.choice((-10, -3, 0, 0, 5, 12))
        reason = REASONS[2] if cap is not None else self.rng.choice((REASONS[0], REASONS[1], REASONS[3]))
        return Amendment("", self.plan.contract_id or "", number, effective, signed, delta, hours, cap, reason)

    def _cap(self) -> tuple[Decimal | None, list[Amendment]]:
        """Some hourly contracts are capped: with room, overrun, or overrun and then raised by an amendment."""
        rng, worth = self.rng, sum(self.values, Decimal(0))
        draw = rng.random()
        if draw > 0.5 or worth < 20000:
            return None, []
        if draw < 0.12:
            return round_to(worth * self.stretch * Decimal("1.2"), 1000), []
        if draw < 0.28:
            return round_to(worth * Decimal(str(rng.choice((0.78, 0.86, 0.93)))), 1000), []
        cap = round_to(worth * Decimal(str(rng.choice((0.55, 0.65, 0.75)))), 1000)
        signed = self._moment_of_value(cap)
        if signed is None or signed > self.frame.horizon:
            return cap, []
        raised = round_to(worth * self.stretch * Decimal("1.15"), 1000)
        return cap, [self._amend(1, signed, raised - cap, Decimal("0.00"), raised)]

    def _moment_of_value(self, limit: Decimal) -> datetime | None:
        """Some weeks after the work passed `limit`."""
        total = Decimal(0)
        for entry, value in zip(self.work, self.values, strict=True):
            total += value
            if total > limit:
                return self.frame.business_instant(
                    self.rng, self.plan.entity, entry.work_date + DAY * self.rng.randint(15, 50)
                )
        return None

    def _fixed_price(self, planned: Decimal) -> tuple[Decimal, Decimal, list[Amendment]]:
        """Hours and price at signature, and what an amendment added to both at another price an hour.

        Prices are whole amounts an hour, so that a share of the price is exact to the cent.
        """
        rng, plan = self.rng, self.plan
        price_an_hour = self.mean_rate
        soon = self.terms.extended_soon == plan.id
        if (rng.random() > 0.4 and not soon) or planned < 60:
            return planned, planned * price_an_hour, []
        more = round_to(planned * Decimal(str(rng.choice((0.12, 0.2, 0.25)))), 10)
        first = planned - more
        middle = plan.work_from + (plan.work_to - plan.work_from) * rng.uniform(0.35, 0.75)
        if soon:
            middle = self.frame.today.date() + DAY * rng.randint(10, 45)
        signed = self.frame.business_instant(rng, plan.entity, middle)
        new_total = planned * (price_an_hour + rng.choice((-2, 0, 3, 5)))
        delta = new_total - first * price_an_hour
        return first, first * price_an_hour, [self._amend(1, signed, delta, more, None)]

    def _milestones(self, line_id: str, amount: Decimal, extra: list[Amendment]) -> None:
        plan, rng = self.plan, self.rng
        count = rng.randint(4, 8)
        parts = [(amount / count).quantize(Decimal("1.00")) // 100 * 100 for _ in range(count - 1)]
        parts.append(amount - sum(parts, Decimal(0)))
        span = plan.work_to - plan.work_from
        created = plan.created_at or max(self.frame.today, self.deal.approved_at or self.frame.today) + DAY * 2
        rows = [
            (
                _PHASES[i % len(_PHASES)],
                part.quantize(Decimal("0.01")),
                plan.work_from + span * ((i + 1) / count),
                created,
            )
            for i, part in enumerate(parts)
        ]
        rows += [("Extra scope", a.amount_delta, plan.work_to, a.signed_at) for a in extra if a.amount_delta > 0]
        for name, part, planned, known in rows:
            if known > self.frame.horizon:
                continue
            achieved, accepted = self._acceptance(rng, planned, known)
            self.terms.milestones.append(
                Milestone("", plan.id, line_id, name, part, planned, known, achieved, accepted)
            )

    def _acceptance(self, rng: Random, planned: date, known: datetime) -> tuple[datetime | None, datetime | None]:
        entity, horizon = self.plan.entity, self.frame.horizon
        day = on_workday(entity, max(planned + DAY * rng.randint(-8, 20), local_date(entity, known) + DAY))
        achieved = self.frame.business_instant(rng, entity, day)
        accepted = self.frame.after(rng, entity, achieved, 2, 18)
        return (achieved if achieved <= horizon else None, accepted if accepted <= horizon else None)
