"""The consultants and what an hour of each role costs the client."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from sandbox.firm_parts.base import DAY, Frame, first_of, instant, on_workday, shift_month
from sandbox.firm_parts.words import FIRST_NAMES, LAST_NAMES, PRACTICES
from sandbox.truth import RateCardLine, Resource

_DOMAIN = {"DE01": "halvardlowe.de", "US01": "halvardlowe.com"}
# In every ten people of an entity: one partner, two managers, three seniors, four consultants.
_LADDER = (
    "partner", "manager", "senior", "consultant", "consultant",
    "manager", "senior", "consultant", "senior", "consultant",
)  # fmt: skip
_RATES = {
    "RC-DE01": ("EUR", {"partner": 260, "manager": 196, "senior": 154, "consultant": 118}),
    "RC-US01": ("USD", {"partner": 312, "manager": 238, "senior": 186, "consultant": 142}),
    "RC-US01-EUR": ("EUR", {"partner": 288, "manager": 220, "senior": 172, "consultant": 131}),
    "RC-DE01-USD": ("USD", {"partner": 282, "manager": 212, "senior": 167, "consultant": 128}),
}
# (card, role, months before today's month that it is effective from, day on which it was recorded a month later, rise)
# The first three are recorded after the month that they reprice was closed.
RETROACTIVE = (
    ("RC-DE01", "senior", 16, 22, 8),
    ("RC-US01", "manager", 8, 17, 12),
    ("RC-DE01", "consultant", 2, 16, 6),
    ("RC-US01", "consultant", 5, 2, 5),
)


def card_of(entity: str, currency: str, home_currency: str) -> str:
    """The rate card of contracts of an entity in a currency."""
    return f"RC-{entity}" if currency == home_currency else f"RC-{entity}-{currency}"


def resources(frame: Frame) -> tuple[Resource, ...]:
    """About sixty people; a sixth was hired within the window, an eighth left within it (never a manager)."""
    out: list[Resource] = []
    wanted = {"DE01": frame.count(36, 8), "US01": frame.count(24, 7)}
    used: set[str] = set()
    for entity, size in wanted.items():
        partner: str | None = None
        managers: list[str] = []
        for position in range(size):
            number = len(out) + 1
            rng = frame.stream("resource", f"{entity}:{position}")
            role = _LADDER[position % len(_LADDER)]
            first, last = rng.choice(FIRST_NAMES[entity]), rng.choice(LAST_NAMES[entity])
            email = f"{first}.{last}@{_DOMAIN[entity]}".lower()
            if email in used:
                email = f"{first}.{last}{number}@{_DOMAIN[entity]}".lower()
            used.add(email)
            hired, left = _employment(frame, entity, role, position)
            person = Resource(
                id=f"R{number:03d}",
                first_name=first,
                last_name=last,
                email=email,
                legal_entity_id=entity,
                role=role,
                practice=PRACTICES[rng.randrange(len(PRACTICES))],
                manager_id=partner if role == "manager" or not managers else managers[position % len(managers)],
                hire_date=hired,
                termination_date=left,
                weekly_hours=Decimal("40.00"),
                created_at=instant(entity, on_workday(entity, hired - timedelta(days=14)), 600 + number % 300),
            )
            if role == "partner" and partner is None:
                partner = person.id
            if role == "manager":
                managers.append(person.id)
            out.append(person)
    return tuple(out)


def _employment(frame: Frame, entity: str, role: str, position: int) -> tuple[date, date | None]:
    rng = frame.stream("employment", f"{entity}:{position}")
    span = (frame.today.date() - frame.first_day).days
    hired = on_workday(entity, frame.first_day - DAY * rng.randint(60, 2200))
    left: date | None = None
    if role in ("senior", "consultant"):
        if position % 6 == 4:
            hired = on_workday(entity, frame.first_day + DAY * rng.randint(30, span - 90))
        elif position % 8 == 7:
            left = on_workday(entity, frame.first_day + DAY * rng.randint(200, span - 20))
        elif position == 8:
            # One person a legal entity leaves in the decided future.
            left = on_workday(entity, frame.today.date() + DAY * rng.randint(15, 45))
    return hired, left


def rate_card_lines(frame: Frame) -> tuple[RateCardLine, ...]:
    """Opening rates, a yearly rise recorded before it counts, and the retroactive changes. Whole amounts an hour."""
    out: list[RateCardLine] = []
    this_month = frame.months[0]
    today_month = f"{frame.today.year:04d}-{frame.today.month:02d}"
    opening = first_of(shift_month(this_month, -12))
    for card, (currency, rates) in _RATES.items():
        entity = card[3:7]
        for role, base in rates.items():
            rate = base
            lines: list[tuple[date, date]] = [(opening, opening - DAY * 20)]
            year = this_month[:4]
            while f"{int(year) + 1}-01" <= frame.last_month:
                year = str(int(year) + 1)
                lines.append((date(int(year), 1, 1), date(int(year) - 1, 12, 10)))
            changes = [
                (effective, recorded, 0 if index == 0 else 4) for index, (effective, recorded) in enumerate(lines)
            ]
            for retro_card, retro_role, back, day, rise in RETROACTIVE:
                if (retro_card, retro_role) == (card, role):
                    effective = first_of(shift_month(today_month, -back))
                    changes.append((effective, first_of(shift_month(today_month, 1 - back)).replace(day=day), rise))
            for effective, recorded, rise in sorted(changes):
                rate += rise
                at = instant(entity, on_workday(entity, recorded), 10 * 60 + len(role))
                out.append(RateCardLine(card, role, currency, Decimal(rate).quantize(Decimal("0.01")), effective, at))
    return tuple(out)
