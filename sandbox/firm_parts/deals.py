"""The plan of every deal: when it is won, lost, reopened or left open, and which projects follow from it.

Plans are mutable drafts; amounts are known only when the work is (`contracts.py`), so stages carry a factor of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from sandbox.firm_parts.base import DAY, Frame, instant, local_date
from sandbox.firm_parts.books import CURRENCY
from sandbox.firm_parts.words import TOPICS
from sandbox.truth import BillingMethod

_PROBABILITY = {"qualify": 20, "propose": 45, "negotiate": 70, "closed_won": 100, "closed_lost": 0}
# The number of deals of each fate at scale 1: 400 in total.
FATES = {
    "delivered": 128,  # won, its project exists
    "fresh": 10,  # won and approved within the last 30 days: our push creates the project
    "waiting": 4,  # won, but the contract is not approved at today
    "stale": 4,  # won long ago, never approved, never got a project
    "licences": 24,  # won, but not a service
    "future_won": 8,  # open at today, won and approved in the 60 days after
    "lost": 152,
    "open": 64,
    "lead": 6,  # opened only in the 60 days after today
}
_METHODS: tuple[BillingMethod, ...] = ("time_and_materials", "fixed_fee", "milestone", "retainer")


@dataclass
class Stage:
    """A draft of a stage event: `factor` times the final amount."""

    stage: str
    factor: float
    expected_close: date
    at: datetime

    @property
    def probability(self) -> int:
        """Percent, by stage."""
        return _PROBABILITY[self.stage]


@dataclass
class Deal:
    """A draft of an opportunity."""

    fate: str
    entity: str
    method: BillingMethod
    service_line: str
    currency: str
    created_at: datetime
    stages: list[Stage]
    # First win, and the win that is in force (later where the deal was reopened).
    first_won: datetime | None = None
    won: datetime | None = None
    approved_at: datetime | None = None
    activated_at: datetime | None = None
    # '' | 'stayed_active' | 'held' | 'still_open'
    reopened: str = ""
    reopened_at: datetime | None = None
    starts_before_win: bool = False
    two_projects: bool = False
    new_customer: bool = False
    id: str = ""
    customer_id: str = ""
    owner_email: str = ""
    name: str = ""
    amount: Decimal = field(default_factory=lambda: Decimal(0))

    @property
    def is_services(self) -> bool:
        """Licences are sold, not delivered."""
        return self.service_line != "licences"


def plan(frame: Frame) -> list[Deal]:
    """All deals, oldest first, with their ids."""
    deals: list[Deal] = []
    for fate, at_scale_one in FATES.items():
        least = {"fresh": 8, "waiting": 4, "stale": 2, "future_won": 4, "delivered": 24}.get(fate, 2)
        total = frame.count(at_scale_one, least)
        for position in range(total):
            rng = frame.stream("deal", f"{fate}:{position}")
            deals.append(_deal(frame, rng, fate, position, total))
    deals.sort(key=lambda deal: deal.created_at)
    for number, deal in enumerate(deals, 1):
        deal.id = f"O{number:04d}"
    return deals


def _deal(frame: Frame, rng: Random, fate: str, position: int, total: int) -> Deal:
    entity = "US01" if position % 5 in (1, 3) else "DE01"
    service_line = (
        "licences" if fate == "licences" else rng.choice(("strategy", "engineering", "engineering", "managed"))
    )
    method = _method(rng, position)
    if method == "retainer" and fate != "licences":
        service_line = "managed"
    if fate in ("lost", "open") and rng.random() < 0.08:
        service_line = "licences"
    currency = CURRENCY[entity]
    if service_line != "licences" and position % 20 in (6, 14):
        currency = "EUR" if entity == "US01" else "USD"
    deal = Deal(fate, entity, method, service_line, currency, frame.today, [])
    today = frame.today.date()
    if fate == "delivered":
        _plan_delivered(frame, rng, deal, position, total)
    elif fate == "fresh":
        day = today - DAY * rng.randint(4, 26)
        deal.won = frame.business_instant(rng, entity, day)
        deal.new_customer = position % 2 == 0
        deal.approved_at = min(
            frame.after(rng, entity, deal.won, 0, 3), frame.today - timedelta(hours=rng.randint(9, 30))
        )
    elif fate == "waiting":
        deal.won = frame.business_instant(rng, entity, today - DAY * rng.randint(3, 9))
        deal.new_customer = position % 4 == 1
        if position % 2:
            deal.approved_at = frame.business_instant(rng, entity, today + DAY * rng.randint(2, 12))
    elif fate == "stale":
        deal.won = frame.business_instant(rng, entity, today - DAY * rng.randint(60, 420))
    elif fate == "licences":
        deal.won = frame.business_instant(rng, entity, today - DAY * rng.randint(5, 700))
    elif fate == "lead":
        deal.new_customer = position % 3 == 0
    elif fate == "future_won":
        deal.won = frame.business_instant(rng, entity, today + DAY * rng.randint(2, 30))
        deal.new_customer = position % 2 == 1
        deal.approved_at = frame.after(rng, entity, deal.won, 1, 4)
    _plan_stages(frame, rng, deal)
    return deal


def _method(rng: Random, position: int) -> BillingMethod:
    """Half of the deals by the hour; the rest spread so that even a small firm has every method."""
    if position % 2 == 0:
        return "time_and_materials"
    return _METHODS[1 + (position // 2) % 3] if rng.random() < 0.85 else "fixed_fee"


def _plan_delivered(frame: Frame, rng: Random, deal: Deal, position: int, total: int) -> None:
    """Win, activation and approval of a deal whose project people created."""
    early = position < total // 5
    latest = frame.today.date() - DAY * 36
    span = (latest - frame.first_day).days
    day = frame.first_day + DAY * (rng.randint(0, 45) if early else rng.randint(30, span))
    role = position % max(24, total // 2)
    deal.reopened = {7: "stayed_active", 12: "held", 17: "stayed_active", 20: "held"}.get(role, "")
    if position == 23:
        deal.reopened = "still_open"
        day = frame.today.date() - DAY * 50
    elif deal.reopened:
        # Everything of a reopened deal happens within one month.
        day = max(day, frame.first_day + DAY * 31).replace(day=2)
        if (latest - day).days < 0:
            day = (day - DAY * 40).replace(day=2)
    deal.starts_before_win = role in (4, 9, 15)
    deal.two_projects = role in (5, 16, 22)
    if deal.starts_before_win:
        day = day.replace(day=min(28, max(15, day.day)))
        if day > latest:
            day = (day - DAY * 31).replace(day=20)
    won = frame.business_instant(rng, deal.entity, day)
    deal.first_won = deal.won = won
    deal.activated_at = _activation(frame, rng, deal, won)
    if deal.reopened in ("stayed_active", "held"):
        deal.activated_at = frame.after(rng, deal.entity, won, 1, 2)
        deal.reopened_at = frame.after(rng, deal.entity, deal.activated_at, 2, 3)
        deal.won = frame.after(rng, deal.entity, deal.reopened_at, 5, 8)
    elif deal.reopened == "still_open":
        deal.activated_at = frame.after(rng, deal.entity, won, 2, 3)
        deal.reopened_at = frame.business_instant(rng, deal.entity, frame.today.date() - DAY * 8)
        deal.won = frame.business_instant(rng, deal.entity, frame.today.date() + DAY * 6)
    approved = won + (max(deal.activated_at, won + timedelta(hours=2)) - won) * rng.uniform(0.2, 0.7)
    deal.approved_at = min(approved, frame.today - DAY * 31)


def _activation(frame: Frame, rng: Random, deal: Deal, won: datetime) -> datetime:
    """Mostly within three days, with a long tail; some teams start before the signature."""
    if deal.starts_before_win:
        back = local_date(deal.entity, won) - DAY * rng.randint(4, 9)
        while back.weekday() > 4:
            back -= DAY
        return instant(deal.entity, back, rng.randrange(8 * 60, 18 * 60))
    draw = rng.random()
    if draw < 0.28:
        return won + timedelta(minutes=rng.randint(120, 1200))
    if draw < 0.70:
        return frame.after(rng, deal.entity, won, 1, 3)
    if draw < 0.90:
        return frame.after(rng, deal.entity, won, 3, 7)
    return frame.after(rng, deal.entity, won, 8, 17)


def _plan_stages(frame: Frame, rng: Random, deal: Deal) -> None:
    """The history of the deal: stages, edits of the expected close, wins and reopenings."""
    topic = rng.choice(TOPICS[deal.service_line])
    deal.name = topic[0].upper() + topic[1:]
    if deal.fate == "lead":
        deal.created_at = frame.business_instant(rng, deal.entity, frame.today.date() + DAY * rng.randint(2, 40))
        expected = local_date(deal.entity, deal.created_at) + DAY * rng.randint(30, 120)
        moved = frame.after(rng, deal.entity, deal.created_at, 5, 20)
        deal.stages = [Stage("qualify", 1.0, expected, deal.created_at)]
        if moved <= frame.horizon:
            deal.stages.append(Stage("propose", 0.95, expected, moved))
        return
    if deal.first_won is None:
        deal.first_won = deal.won
    decided = deal.first_won
    outcome = "closed_won"
    if decided is None:
        decided, outcome = _undecided(frame, rng, deal)
    cycle = rng.randint(25, 120)
    start = local_date(deal.entity, decided) - DAY * cycle
    if deal.fate in ("open", "future_won"):
        start = min(start, frame.today.date() - DAY * rng.randint(3, 60))
    deal.created_at = frame.business_instant(rng, deal.entity, start)
    span = (decided - deal.created_at) / 4
    expected = local_date(deal.entity, decided) + DAY * rng.randint(-20, 35)
    factor = rng.choice((0.8, 0.9, 1.0, 1.1, 1.25))
    events = [Stage("qualify", factor, expected, deal.created_at)]
    moments = [deal.created_at + span * (step + rng.uniform(-0.3, 0.3)) for step in (1, 2, 3)]
    steps = ["propose", "negotiate"]
    if rng.random() < 0.45:
        # The salesperson moves the expected close without moving the stage.
        steps.insert(rng.randint(0, 2), "")
    for index, stage in enumerate(steps):
        if not stage:
            expected += DAY * rng.choice((-14, 7, 14, 30, 45))
        elif rng.random() < 0.4:
            factor = rng.choice((0.9, 0.95, 1.0, 1.05))
        events.append(Stage(stage or events[-1].stage, factor, expected, moments[index]))
    if outcome:
        events.append(Stage(outcome, 1.0 if outcome == "closed_won" else factor, expected, decided))
    if outcome == "closed_won" and not deal.reopened and rng.random() < 0.1:
        # A correction of the close date after the win: still the same win.
        events.append(Stage("closed_won", 1.0, local_date(deal.entity, decided), decided + DAY * rng.randint(1, 3)))
    if deal.reopened_at and deal.won:
        events[-1].factor = 0.85
        events.append(Stage("negotiate", 0.85, expected, deal.reopened_at))
        events.append(Stage("closed_won", 1.0, expected, deal.won))
    deal.stages = [event for event in events if event.at <= frame.horizon]


def _undecided(frame: Frame, rng: Random, deal: Deal) -> tuple[datetime, str]:
    """When a deal that is not won is decided: lost in the past, or open with a few losses to come."""
    today = frame.today.date()
    if deal.fate == "lost":
        return frame.business_instant(rng, deal.entity, today - DAY * rng.randint(2, 710)), "closed_lost"
    if rng.random() < 0.2:
        return frame.business_instant(rng, deal.entity, today + DAY * rng.randint(2, 55)), "closed_lost"
    return frame.business_instant(rng, deal.entity, today + DAY * rng.randint(10, 150)), ""
