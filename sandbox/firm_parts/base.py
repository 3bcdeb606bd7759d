"""What every part of the firm stands on: its window of time, its random streams, calendars and cents.

No business objects here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

CENT = Decimal("0.01")
DAY = timedelta(days=1)
# How far after its today the firm's future is already decided.
FUTURE = timedelta(days=60)
HISTORY_MONTHS = 24

_FIXED_HOLIDAYS = {
    "DE01": {(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)},
    "US01": {(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)},
}
_ZONES = {"DE01": ZoneInfo("Europe/Berlin"), "US01": ZoneInfo("America/New_York")}


@lru_cache(maxsize=8192)
def _offset(entity: str, day: date) -> timedelta:
    """The zone's offset at noon; no event of the firm happens in the night hours in which clocks change."""
    noon = datetime.combine(day, time(12), _ZONES[entity])
    return noon.replace(tzinfo=UTC) - noon.astimezone(UTC)


def instant(entity: str, day: date, minute_of_day: int, second: int = 0) -> datetime:
    """The UTC instant of a local wall-clock minute of a day at a legal entity."""
    local = datetime.combine(day, time(minute_of_day // 60, minute_of_day % 60, second), UTC)
    return local - _offset(entity, day)


def local_date(entity: str, at: datetime) -> date:
    """The civil date that an instant has at a legal entity."""
    return at.astimezone(_ZONES[entity]).date()


@lru_cache(maxsize=8192)
def is_workday(entity: str, day: date) -> bool:
    """Monday to Friday without the entity's fixed public holidays."""
    return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS[entity]


def on_workday(entity: str, day: date) -> date:
    """`day`, or the next workday where it is none."""
    while not is_workday(entity, day):
        day += DAY
    return day


def add_workdays(entity: str, day: date, count: int) -> date:
    """The `count`-th workday after `day`."""
    for _ in range(count):
        day = on_workday(entity, day + DAY)
    return day


def month_of(day: date) -> str:
    """'2026-03'."""
    return f"{day.year:04d}-{day.month:02d}"


def first_of(month: str) -> date:
    """First day of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


def shift_month(month: str, by: int) -> str:
    """The month `by` months later (earlier where negative)."""
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def last_of(month: str) -> date:
    """Last day of a month."""
    return first_of(shift_month(month, 1)) - DAY


def cents(amount: Decimal) -> Decimal:
    """Rounded half up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def round_to(amount: Decimal | float, step: int) -> Decimal:
    """Rounded to a multiple of `step`, at least one step, with cents."""
    steps = max(1, int(Decimal(amount) / step + Decimal("0.5")))
    return (Decimal(steps) * step).quantize(CENT)


@dataclass(frozen=True)
class Frame:
    """The window, the seed and the size of one firm. Every kind of object draws from streams of its own."""

    today: datetime
    seed: int
    scale: float
    first_month: str = field(init=False)
    last_month: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first_month", shift_month(month_of(self.today.date()), -HISTORY_MONTHS))
        object.__setattr__(self, "last_month", month_of(self.horizon.date()))

    @property
    def first_day(self) -> date:
        """First day of the history: the first of a month."""
        return first_of(self.first_month)

    @property
    def horizon(self) -> datetime:
        """Nothing happens after this."""
        return self.today + FUTURE

    @property
    def months(self) -> list[str]:
        """Every month of the window, the first of the history to that of the horizon."""
        out = [self.first_month]
        while out[-1] < self.last_month:
            out.append(shift_month(out[-1], 1))
        return out

    def stream(self, kind: str, key: str = "") -> Random:
        """A generator that depends on the seed, the kind and the key only (strings seed through SHA-512)."""
        return Random(f"{self.seed}:{kind}:{key}")

    def count(self, at_scale_one: int, least: int = 1) -> int:
        """A volume at this firm's scale, never below `least` so that no scenario is lost in a small firm."""
        return max(least, round(at_scale_one * self.scale))

    def business_instant(self, rng: Random, entity: str, day: date) -> datetime:
        """A moment in business hours (8 to 18) of the first workday on or after `day`."""
        return instant(entity, on_workday(entity, day), rng.randrange(8 * 60, 18 * 60), rng.randrange(60))

    def after(self, rng: Random, entity: str, at: datetime, low: int, high: int) -> datetime:
        """A moment in business hours of a workday between `low` and `high` days later, always after `at`."""
        day = on_workday(entity, local_date(entity, at) + DAY * rng.randint(low, high))
        out = self.business_instant(rng, entity, day)
        if out <= at:
            out = self.business_instant(rng, entity, day + DAY)
        return out
