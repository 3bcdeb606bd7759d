"""Billing of time: the monthly runs, caps, true-ups after a retroactive rate, and corrections."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.firm_parts.base import DAY, Frame, first_of, local_date, month_of, shift_month
from sandbox.firm_parts.contracts import Rates
from sandbox.firm_parts.documents import Desk, Draft
from sandbox.firm_parts.projects import Plan
from sandbox.truth import Amendment, Contract, InvoiceLine, TimeEntry

_NOTHING = Decimal("0.00")


class TimeBiller:
    """Bills one project by the hour over its whole life.

    Every line names its entry. Entries are billed whole, oldest first; with a cap, billing stops before the first
    entry that doesn't fit into what the cap in force leaves.
    """

    def __init__(
        self, frame: Frame, desk: Desk, plan: Plan, contract: Contract, amendments: list[Amendment],
        entries: list[TimeEntry], roles: dict[str, str], rates: Rates,
    ) -> None:  # fmt: skip
        self.frame, self.desk, self.plan, self.contract, self.rates = frame, desk, plan, contract, rates
        self.amendments, self.roles = amendments, roles
        self.rng = frame.stream("billing", plan.key)
        self.open = sorted((e for e in entries if e.billable), key=lambda e: (e.work_date, e.id))
        self.entry = {e.id: e for e in entries}
        self.billed: dict[str, Decimal] = {}
        # Entries on a document that is being corrected: nobody touches them before the given instant.
        self.locked: dict[str, datetime] = {}
        self.total = _NOTHING
        self.last_run = contract.signed_at

    def run(self) -> None:
        """All monthly runs up to the horizon."""
        first = month_of(max(self.plan.work_from, local_date(self.plan.entity, self.contract.signed_at)))
        month, turn = shift_month(first, 1), 0
        while month <= self.frame.last_month:
            turn += 1
            skipped = self.rng.random() < 0.03 or (self.plan.bills_quarterly and turn % 3)
            at = self.desk.run_day(self.rng, self.plan.entity, month)
            if at > self.frame.horizon:
                break
            if not skipped and at > self.contract.signed_at:
                self._run(at, month)
            month = shift_month(month, 1)

    def _value(self, entry: TimeEntry, at: datetime) -> tuple[Decimal, Decimal]:
        rate = self.rates.rate(self.plan.rate_card_id, self.roles[entry.resource_id], entry.work_date, at)
        return rate, (entry.hours * rate).quantize(_NOTHING)

    def _room(self, at: datetime) -> Decimal | None:
        cap = cap_in_force(self.contract, self.amendments, local_date(self.plan.entity, at), at)
        return None if cap is None else cap - self.total

    def _run(self, at: datetime, month: str) -> None:
        cut_off = first_of(month)
        room = self._room(at)
        lines: dict[str, list[InvoiceLine]] = defaultdict(list)
        left: list[TimeEntry] = []
        full = False
        for entry in self.open:
            if full or entry.work_date >= cut_off or not approved_at(entry, at) or self.locked.get(entry.id, at) > at:
                left.append(entry)
                continue
            rate, value = self._value(entry, at)
            if room is not None and value > room:
                full = True
                left.append(entry)
                continue
            if room is not None:
                room -= value
            self._bill(lines, entry, InvoiceLine(0, "time", entry.id, None, entry.hours, rate, value))
        self.open = left
        if self.rates.changed_between(self.plan.rate_card_id, self.last_run, at):
            self._true_up(lines, at, room)
        self.last_run = at
        self._issue(lines, at, month)

    def _bill(self, lines: dict[str, list[InvoiceLine]], entry: TimeEntry, line: InvoiceLine) -> None:
        self.billed[entry.id] = self.billed.get(entry.id, _NOTHING) + line.net_amount
        self.total += line.net_amount
        lines[entry.resource_id if self.plan.bills_per_person else ""].append(line)

    def _true_up(self, lines: dict[str, list[InvoiceLine]], at: datetime, room: Decimal | None) -> None:
        """Bill the difference on entries that were billed before somebody raised their rate."""
        for key in sorted(self.billed):
            entry = self.entry[key]
            if self.locked.get(key, at) > at:
                continue
            missing = self._value(entry, at)[1] - self.billed[key]
            if missing <= 0 or (room is not None and missing > room) or not approved_at(entry, at):
                continue
            if room is not None:
                room -= missing
            self._bill(lines, entry, InvoiceLine(0, "rate_true_up", key, None, _NOTHING, _NOTHING, missing))

    def _issue(self, lines: dict[str, list[InvoiceLine]], at: datetime, month: str) -> None:
        for index, key in enumerate(sorted(lines)):
            created = at + timedelta(minutes=3 * index)
            draft = self.desk.document(self.rng, self.plan, created, shift_month(month, -1))
            for line in lines[key]:
                draft.add(line.line_type, line.net_amount, line.quantity, line.rate, line.time_entry_id)
            draw = self.rng.random()
            if draw < 0.006:
                # Made and forgotten: a draft is not billed.
                draft.posted = None
            elif draw < 0.045:
                self._credit_and_rebill(draft)
            elif draw < 0.065:
                self._credit_some(draft)

    def _credit_and_rebill(self, original: Draft) -> None:
        """The whole invoice is credited and billed again, once with a rate or an entry put right."""
        rng, entity = self.rng, self.plan.entity
        if original.posted is None:
            return
        if any(line.line_type != "time" for line in original.lines):
            return
        reason = rng.choice(("wrong_po_number", "wrong_rate", "wrong_entry"))
        wrong_entry: str | None = None
        if reason == "wrong_rate":
            # The original carried a rate that was too low on one line.
            first = original.lines[0]
            low = first.rate - 10
            original.lines[0] = InvoiceLine(
                1,
                "time",
                first.time_entry_id,
                None,
                first.quantity,
                low,
                (first.quantity * low).quantize(_NOTHING),
            )
        elif reason == "wrong_entry" and len(original.lines) > 1:
            wrong_entry = original.lines[-1].time_entry_id
        credited = self.frame.after(rng, entity, original.posted, 3, 35)
        memo = self.desk.credit(rng, original, credited, "billing_error", list(original.lines))
        again = self.frame.after(rng, entity, memo.posted or self.frame.horizon, 2, 10)
        rebill = self.desk.document(rng, self.plan, again, month_of(local_date(entity, again)))
        rebill.rebill_of = original
        capped = self.contract.lines[0].nte_cap is not None
        for line in original.lines:
            key = line.time_entry_id or ""
            self.locked[key] = again + timedelta(seconds=1)
            if key == wrong_entry:
                # Disputed: not billed again for months, the work stays unbilled.
                self._reopen(key, again + DAY * rng.randint(70, 200))
                continue
            entry = self.entry[key]
            rate, value = (
                (line.rate, line.net_amount) if capped and reason != "wrong_rate" else self._value(entry, again)
            )
            if capped and reason == "wrong_rate":
                rate, value = self._value(entry, original.created)
            rebill.add("time", value, entry.hours, rate, key)
            if not capped:
                self.billed[key] = value

    def _credit_some(self, original: Draft) -> None:
        """A plain credit of up to three lines; the work may be billed again half a year later, or never."""
        if original.posted is None:
            return
        rng = self.rng
        lines = [line for line in original.lines if line.line_type == "time"][-rng.randint(1, 3) :]
        if not lines:
            return
        created = self.frame.after(rng, self.plan.entity, original.posted, 5, 60)
        self.desk.credit(rng, original, created, rng.choice(("hours_disputed", "goodwill")), lines)
        for line in lines:
            wait = rng.choice((60, 150, 4000))
            self._reopen(line.time_entry_id or "", created + DAY * wait)

    def _reopen(self, key: str, until: datetime) -> None:
        """Put a credited entry back among the open ones, locked until somebody may bill it again.

        Not where there is a cap: the room stays reserved, for the credit memo is posted later than now.
        """
        entry = self.entry[key]
        self.locked[key] = until
        if self.contract.lines[0].nte_cap is not None:
            self.billed.pop(key)
            return
        self.total -= self.billed.pop(key)
        self.open.append(entry)
        self.open.sort(key=lambda e: (e.work_date, e.id))


def approved_at(entry: TimeEntry, at: datetime) -> bool:
    """Is the entry's latest status at an instant `approved`?"""
    status = ""
    for event in entry.statuses:
        if event.at <= at:
            status = event.status
    return status == "approved"


def cap_in_force(contract: Contract, amendments: list[Amendment], day: date, at: datetime) -> Decimal | None:
    """The cap that counts on a day as known at an instant."""
    cap = contract.lines[0].nte_cap
    latest: date | None = None
    for amendment in amendments:
        if amendment.new_nte_cap is None or amendment.signed_at > at:
            continue
        since = max(amendment.effective_date, amendment.signed_at.date())
        if since <= day and (latest is None or since >= latest):
            latest, cap = since, amendment.new_nte_cap
    return cap
