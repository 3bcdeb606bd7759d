"""The firm's legal entities, accounting periods and exchange rates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sandbox.firm_parts.base import (
    DAY,
    Frame,
    add_workdays,
    first_of,
    instant,
    last_of,
    local_date,
    shift_month,
)
from sandbox.truth import AccountingPeriod, FxRate, LegalEntity

ENTITIES = (
    LegalEntity("DE01", "Halvard & Lowe GmbH", "EUR", "DE", "Europe/Berlin"),
    LegalEntity("US01", "Halvard & Lowe Inc.", "USD", "US", "America/New_York"),
)
CURRENCY = {entity.id: entity.currency for entity in ENTITIES}
_NINE = Decimal("0.000000001")


def periods(frame: Frame) -> tuple[AccountingPeriod, ...]:
    """Each month of each entity, closed 5 to 8 workdays after its end in the entity's business hours."""
    out = []
    for month in frame.months:
        for entity in ENTITIES:
            rng = frame.stream("period", f"{month}:{entity.id}")
            day = add_workdays(entity.id, last_of(month), rng.randint(5, 8))
            closed: datetime | None = instant(entity.id, day, rng.randrange(9 * 60, 18 * 60), rng.randrange(60))
            if closed is not None and closed > frame.horizon:
                closed = None
            out.append(
                AccountingPeriod(f"{month}:{entity.id}", entity.id, month, first_of(month), last_of(month), closed)
            )
    return tuple(out)


class Books:
    """The calendar of closes, asked by whoever must know which month is open."""

    def __init__(self, frame: Frame) -> None:
        self.periods = periods(frame)
        self._closed = {(p.legal_entity_id, p.month): p.closed_at for p in self.periods}

    def closed_at(self, entity: str, month: str) -> datetime | None:
        """When the month was closed; None: not within the window."""
        return self._closed.get((entity, month))

    def posting_period(self, entity: str, wanted: str, posted_at: datetime) -> str:
        """The month of the books that a document goes to: the wanted one, else the first that is open then."""
        month = wanted
        while True:
            closed = self._closed.get((entity, month))
            if closed is None or closed > posted_at:
                return month
            month = shift_month(month, 1)


def fx_rates(frame: Frame) -> tuple[FxRate, ...]:
    """A spot rate for every day and a closing rate for every month end, both directions; a slow random walk."""
    rng = frame.stream("fx")
    rate = 1.08
    out = []
    day = first_of(shift_month(frame.first_month, -1))
    end = local_date("DE01", frame.horizon)
    while day <= end:
        rate = min(1.22, max(0.98, rate * (1 + rng.gauss(0, 0.0028))))
        there = Decimal(str(round(rate, 4))).quantize(_NINE)
        back = (1 / there).quantize(_NINE)
        kinds: list[str] = ["spot"]
        if (day + DAY).day == 1:
            kinds.append("closing")
        for kind in kinds:
            out.append(FxRate("EUR", "USD", kind, day, there))  # type: ignore[arg-type]
            out.append(FxRate("USD", "EUR", kind, day, back))  # type: ignore[arg-type]
        day += DAY
    return tuple(out)
