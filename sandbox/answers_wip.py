"""Known answers of the stock of unbilled work: per contract line, with its ageing and the measures beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.answers_index import Component, index
from sandbox.truth import Amendment, Truth

ZERO = Decimal(0)
BUCKETS = ("0-30", "31-60", "61-90", "91-120", ">120")


@dataclass(frozen=True)
class LineWip:
    """One contract line at one reporting point, exact (not rounded), in the contract's currency.

    `items` are (service date, amount still unbilled); they add up to `wip`.
    """

    contract_line_id: str
    project_id: str
    billing_method: str
    currency: str
    value: Decimal  # worked or earned
    billed: Decimal
    wip: Decimal
    over_cap: Decimal
    overbilled: Decimal
    unapproved: Decimal
    items: tuple[tuple[date, Decimal], ...]


def wip_lines(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> list[LineWip]:
    """Every contract line of a legal entity at a reporting point."""
    known = index(truth)
    point = (legal_entity_id, as_of, knowledge_at)
    for asked, lines in known.last_lines:
        if asked == point:
            return lines
    until = min(known.end_of(legal_entity_id, as_of), knowledge_at)
    lines = [_line(one, *point, until, truth) for one in known.components[legal_entity_id]]
    # The measures of one point are asked one after the other.
    known.last_lines = [(point, lines), *known.last_lines[:3]]
    return lines


def _line(one: Component, entity: str, day: date, k: datetime, until: datetime, truth: Truth) -> LineWip:
    method = one.line.billing_method
    if method == "time_and_materials":
        line = _by_the_hour(one, day, k, until)
    elif method == "fixed_fee":
        line = _fixed_fee(one, day, k, until)
    elif method == "milestone":
        line = _milestones(one, until, entity, truth)
    else:
        line = _retainer(one, day, k, until)
    waiting = (
        w.value(k) for w in one.works if w.entry.billable and w.entry.work_date <= day and w.status(k) == "submitted"
    )
    return replace(line, unapproved=sum(waiting, ZERO))


def _by_the_hour(one: Component, day: date, k: datetime, until: datetime) -> LineWip:
    value = billed = ZERO
    approved: list[tuple[date, Decimal, Decimal]] = []
    for work in one.works:
        if work.entry.work_date > day:
            break
        paid = work.billed_by(until)
        billed += paid
        if work.entry.billable and work.status(k) == "approved":
            worth = work.value(k)
            value += worth
            approved.append((work.entry.work_date, worth, paid))
    cap = cap_in_force(one.line.nte_cap, one.amendments, day, k)
    if cap is None:
        return _made(one, value, billed, [(when, worth - paid) for when, worth, paid in approved if worth > paid])
    billed = sum((net for posted, _, net in one.posted if posted <= until), ZERO)
    room, allowed = cap, []
    for when, worth, _ in approved:
        part = min(worth, room)
        room -= part
        allowed.append((when, part))
    return _made(one, value, billed, _fifo(allowed, billed), over_cap=max(ZERO, value - cap))


def cap_in_force(original: Decimal | None, amendments: Iterable[Amendment], day: date, k: datetime) -> Decimal | None:
    """The cap of the latest amendment that counts on `day` and was signed by k, else the original one."""
    latest: tuple[date, int] | None = None
    cap = original
    for amendment in amendments:
        counts_from = _counts_from(amendment)
        if amendment.new_nte_cap is None or counts_from > day or amendment.signed_at > k:
            continue
        if latest is None or (counts_from, amendment.number) > latest:
            latest, cap = (counts_from, amendment.number), amendment.new_nte_cap
    return cap


def _counts_from(amendment: Amendment) -> date:
    return max(amendment.effective_date, amendment.signed_at.date())


def _fixed_fee(one: Component, day: date, k: datetime, until: datetime) -> LineWip:
    price, planned = one.line.amount, one.line.planned_hours
    for amendment in one.amendments:
        if _counts_from(amendment) <= day and amendment.signed_at <= k:
            price += amendment.amount_delta
            planned += amendment.hours_delta
    hours: dict[date, Decimal] = defaultdict(lambda: ZERO)
    for work in one.works:
        if work.entry.work_date <= day and work.status(k) == "approved":
            hours[work.entry.work_date] += work.entry.hours
    earned, worked = ZERO, ZERO
    daily = []
    for when in sorted(hours):
        worked += hours[when]
        so_far = price if worked >= planned else worked * price / planned
        daily.append((when, so_far - earned))
        earned = so_far
    billed = sum((net for posted, _, net in one.posted if posted <= until), ZERO)
    return _made(one, earned, billed, _fifo(daily, billed), overbilled=max(ZERO, billed - earned))


def _milestones(one: Component, until: datetime, entity: str, truth: Truth) -> LineWip:
    known = index(truth)
    accepted = sorted(
        (known.day_of(entity, milestone.accepted_at), milestone.id, milestone.amount)
        for milestone in one.milestones
        if milestone.accepted_at is not None and milestone.accepted_at <= until
    )
    earned = sum((amount for _, _, amount in accepted), ZERO)
    billed = sum((net for posted, _, net in one.posted if posted <= until), ZERO)
    items = _fifo([(when, amount) for when, _, amount in accepted], billed)
    return _made(one, earned, billed, items)


def _retainer(one: Component, day: date, k: datetime, until: datetime) -> LineWip:
    hours: dict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    for work in one.works:
        if work.entry.work_date <= day and work.status(k) == "approved":
            hours[work.entry.work_date.year, work.entry.work_date.month] += work.entry.hours
    included, price = one.line.included_hours or ZERO, one.line.overage_rate or ZERO
    items = []
    for (year, month), worked in sorted(hours.items()):
        if worked > included:
            last = (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
            items.append((min(last, day), (worked - included) * price))
    value = sum((amount for _, amount in items), ZERO)
    billed = sum((net for posted, kind, net in one.posted if posted <= until and kind == "overage"), ZERO)
    return _made(one, value, billed, _fifo(items, billed))


def _fifo(items: list[tuple[date, Decimal]], billed: Decimal) -> list[tuple[date, Decimal]]:
    """What billings, which consume the oldest first, leave of the items."""
    left = []
    for when, amount in items:
        used = min(amount, max(billed, ZERO))
        billed -= used
        if amount > used:
            left.append((when, amount - used))
    return left


def _made(
    one: Component,
    value: Decimal,
    billed: Decimal,
    items: list[tuple[date, Decimal]],
    *,
    over_cap: Decimal = ZERO,
    overbilled: Decimal = ZERO,
) -> LineWip:
    wip = sum((amount for _, amount in items), ZERO)
    return LineWip(
        one.line.id, one.project.id, one.line.billing_method, one.project.currency,
        value, billed, wip, over_cap, overbilled, ZERO, tuple(items),
    )  # fmt: skip


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _by_currency(lines: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for currency, amount in lines:
        sums[currency] += amount
    return {currency: _cents(amount) for currency, amount in sorted(sums.items())}


def unbilled_wip(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> dict[str, Decimal]:
    """Approved or earned and not yet billed, by transaction currency."""
    return _by_currency((one.currency, one.wip) for one in wip_lines(truth, legal_entity_id, as_of, knowledge_at))


def unbilled_wip_by_method(
    truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime
) -> dict[tuple[str, str], Decimal]:
    """The same by (billing method, currency)."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in wip_lines(truth, legal_entity_id, as_of, knowledge_at):
        sums[one.billing_method, one.currency] += one.wip
    return {key: _cents(amount) for key, amount in sorted(sums.items())}


def unbilled_wip_group_eur(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> Decimal | None:
    """The stock in EUR at the latest closing rate on or before `as_of`; None where a rate is missing."""
    total = ZERO
    exact: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for one in wip_lines(truth, legal_entity_id, as_of, knowledge_at):
        exact[one.currency] += one.wip
    for currency, amount in exact.items():
        rate = index(truth).closing_rate(currency, "EUR", as_of)
        if rate is None:
            return None
        total += amount * rate
    return _cents(total)


def unbilled_wip_ageing(
    truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime
) -> dict[str, dict[str, Decimal]]:
    """Currency -> bucket -> amount, by days from the service date to `as_of`, right edges inclusive; all buckets given."""
    sums: dict[str, dict[str, Decimal]] = {}
    for one in wip_lines(truth, legal_entity_id, as_of, knowledge_at):
        buckets = sums.setdefault(one.currency, dict.fromkeys(BUCKETS, ZERO))
        for when, amount in one.items:
            buckets[bucket((as_of - when).days)] += amount
    return {
        currency: {name: _cents(amount) for name, amount in buckets.items()}
        for currency, buckets in sorted(sums.items())
    }


def bucket(age: int) -> str:
    """The ageing bucket of an age in days."""
    for name, edge in zip(BUCKETS, (30, 60, 90, 120), strict=False):
        if age <= edge:
            return name
    return BUCKETS[-1]


def wip_unapproved(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> dict[str, Decimal]:
    """Billable hours that are submitted and wait for approval, at their rates whatever the billing method, by currency."""
    return _by_currency((o.currency, o.unapproved) for o in wip_lines(truth, legal_entity_id, as_of, knowledge_at))


def over_cap_exposure(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> dict[str, Decimal]:
    """Approved work above the cap in force, by currency."""
    return _by_currency((o.currency, o.over_cap) for o in wip_lines(truth, legal_entity_id, as_of, knowledge_at))


def overbilled_exposure(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> dict[str, Decimal]:
    """Fixed fees billed ahead of what is earned, by currency."""
    return _by_currency((o.currency, o.overbilled) for o in wip_lines(truth, legal_entity_id, as_of, knowledge_at))


def billable_now(truth: Truth, legal_entity_id: str, as_of: date, knowledge_at: datetime) -> dict[str, Decimal]:
    """Accepted milestones that aren't billed, by currency."""
    return _by_currency(
        (one.currency, one.wip)
        for one in wip_lines(truth, legal_entity_id, as_of, knowledge_at)
        if one.billing_method == "milestone"
    )
