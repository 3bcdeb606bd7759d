"""The truth, indexed once so that the known answers can be asked for every month; no KPI in here.

Rows that a defect names are left out of every index.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.truth import (
    Amendment,
    Contract,
    ContractLine,
    Invoice,
    InvoiceLine,
    Milestone,
    Project,
    StatusEvent,
    TimeEntry,
    Truth,
)

ZERO = Decimal(0)


@dataclass(frozen=True)
class Work:
    """A time entry with the rates that may apply to it, latest effective first, each with when it was recorded."""

    entry: TimeEntry
    rates: tuple[tuple[datetime, Decimal], ...]
    # Every posted line that names it: (posted at, net amount).
    billed: tuple[tuple[datetime, Decimal], ...]

    def status(self, known: datetime) -> str | None:
        """The latest status event recorded at or before an instant."""
        return status_at(self.entry.statuses, known)

    def value(self, known: datetime) -> Decimal:
        """Hours times the rate as known; zero where no rate is known."""
        for recorded, rate in self.rates:
            if recorded <= known:
                return self.entry.hours * rate
        return ZERO

    def billed_by(self, until: datetime) -> Decimal:
        """Net of what was posted until an instant and names this entry; credits count negative."""
        total = ZERO
        for posted, net in self.billed:
            if posted <= until:
                total += net
        return total


@dataclass(frozen=True)
class Component:
    """A project with its one contract line: what unbilled work is counted by."""

    project: Project
    line: ContractLine
    amendments: tuple[Amendment, ...]
    works: tuple[Work, ...]  # by (work date, entry id)
    milestones: tuple[Milestone, ...]
    # Posted lines on the project: (posted at, line type, net amount).
    posted: tuple[tuple[datetime, str, Decimal], ...]


def status_at(events: tuple[StatusEvent, ...], known: datetime) -> str | None:
    """The status of the latest event recorded at or before an instant; None before the first. Events are in order."""
    for event in reversed(events):
        if event.at <= known:
            return event.status
    return None


class Index:
    """Everything the answers look up."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.bad = {defect.record_id for defect in truth.defects}
        self.zones = {entity.id: ZoneInfo(entity.time_zone) for entity in truth.legal_entities}
        self.closed = {(p.legal_entity_id, p.month): p.closed_at for p in truth.periods}
        self.entries = {entry.id: entry for entry in truth.time_entries if entry.id not in self.bad}
        self.milestones = {milestone.id: milestone for milestone in truth.milestones}
        self.projects = [project for project in truth.projects if project.id not in self.bad]
        self.posted: list[tuple[datetime, Invoice]] = sorted(
            ((i.posted_at, i) for i in truth.invoices if i.posted_at is not None and i.id not in self.bad),
            key=lambda pair: (pair[0], pair[1].id),
        )
        self.deals = [deal for deal in truth.opportunities if deal.id not in self.bad]
        self.projects_of: dict[str, list[Project]] = defaultdict(list)
        for project in self.projects:
            if project.opportunity_id is not None:
                self.projects_of[project.opportunity_id].append(project)
        self._rates = self._rate_lookup()
        # What was asked last, with the answer; the caller's own records.
        self.last_lines: list[tuple[tuple[str, date, datetime], list[Any]]] = []
        self.components = self._components()

    def end_of(self, legal_entity_id: str, day: date) -> datetime:
        """The last microsecond of a civil day at a legal entity."""
        last = datetime.combine(day, time.max, self.zones[legal_entity_id])
        return last.astimezone(UTC)

    def day_of(self, legal_entity_id: str, at: datetime) -> date:
        """The civil date of an instant at a legal entity."""
        return at.astimezone(self.zones[legal_entity_id]).date()

    def closing_rate(self, from_currency: str, to_currency: str, day: date) -> Decimal | None:
        """The latest closing rate on or before a day; 1 within one currency."""
        if from_currency == to_currency:
            return Decimal(1)
        found = [
            (rate.rate_date, rate.rate)
            for rate in self.truth.fx_rates
            if rate.rate_type == "closing"
            and rate.from_currency == from_currency
            and rate.to_currency == to_currency
            and rate.rate_date <= day
        ]
        return max(found)[1] if found else None

    def _rate_lookup(self) -> dict[tuple[str, str], list[tuple[date, datetime, Decimal]]]:
        found: dict[tuple[str, str], list[tuple[date, datetime, Decimal]]] = defaultdict(list)
        for line in self.truth.rate_card_lines:
            found[line.rate_card_id, line.role].append((line.effective_from, line.recorded_at, line.bill_rate))
        for lines in found.values():
            # Of two lines with one effective date the one recorded last speaks.
            lines.sort(reverse=True)
        return found

    def _components(self) -> dict[str, list[Component]]:
        role = {person.id: person.role for person in self.truth.resources}
        contracts: dict[str, Contract] = {contract.id: contract for contract in self.truth.contracts}
        amendments: dict[str, list[Amendment]] = defaultdict(list)
        for amendment in self.truth.amendments:
            amendments[amendment.contract_id].append(amendment)
        entries: dict[str, list[TimeEntry]] = defaultdict(list)
        for entry in self.entries.values():
            entries[entry.project_id].append(entry)
        milestones: dict[str, list[Milestone]] = defaultdict(list)
        for milestone in self.milestones.values():
            milestones[milestone.project_id].append(milestone)
        lines: dict[str, list[tuple[datetime, InvoiceLine]]] = defaultdict(list)
        by_entry: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
        for posted, invoice in self.posted:
            for line in invoice.lines:
                lines[invoice.project_id].append((posted, line))
                if line.time_entry_id is not None:
                    by_entry[line.time_entry_id].append((posted, line.net_amount))
        found: dict[str, list[Component]] = defaultdict(list)
        for project in self.projects:
            contract = contracts.get(project.contract_id or "")
            if contract is None:
                continue
            works = tuple(
                Work(
                    entry,
                    tuple(
                        (recorded, rate)
                        for effective, recorded, rate in self._rates[project.rate_card_id, role[entry.resource_id]]
                        if effective <= entry.work_date
                    ),
                    tuple(by_entry.get(entry.id, ())),
                )
                for entry in sorted(entries[project.id], key=lambda one: (one.work_date, one.id))
            )
            found[project.legal_entity_id].append(
                Component(
                    project,
                    contract.lines[0],
                    tuple(amendments[contract.id]),
                    works,
                    tuple(sorted(milestones[project.id], key=lambda one: one.id)),
                    tuple((posted, line.line_type, line.net_amount) for posted, line in lines[project.id]),
                )
            )
        return found


_recent: list[Index] = []


def index(truth: Truth) -> Index:
    """The index of a truth; the last few are kept, by identity."""
    for known in _recent:
        if known.truth is truth:
            return known
    made = Index(truth)
    _recent.insert(0, made)
    del _recent[3:]
    return made
