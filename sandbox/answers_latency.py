"""Known answers of billing latency: how long from the work to the posted invoice, by posting month."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sandbox.answers_index import Index, index
from sandbox.truth import Invoice, InvoiceLine, TimeEntry, Truth

STAGES = ("work>submit", "submit>approve", "approve>ready", "ready>invoice", "invoice>post")
ZERO = Decimal(0)


@dataclass
class _Sum:
    numerator: Decimal = ZERO
    denominator: Decimal = ZERO

    def add(self, days: int, weight: Decimal) -> None:
        self.numerator += days * weight
        self.denominator += weight

    @property
    def value(self) -> Decimal | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass
class Latency:
    """Days from service to posting of the items first billed in a month.

    `numerator` is sum(days x net), `denominator` sum(net); `value` their ratio, None where nothing was billed.
    `n` counts items, `n_excluded` lines of other types on the same invoices. `effective_*` is the same over the
    invoices that no credit memo corrects, rebills included. `stages` covers the time lines: amount-weighted days that
    add up to `time_value`.
    """

    numerator: Decimal = ZERO
    denominator: Decimal = ZERO
    value: Decimal | None = None
    hours_weighted: Decimal | None = None
    count_weighted: Decimal | None = None
    n: int = 0
    n_excluded: int = 0
    effective_numerator: Decimal = ZERO
    effective_denominator: Decimal = ZERO
    effective_value: Decimal | None = None
    effective_n: int = 0
    time_value: Decimal | None = None
    stages: dict[str, Decimal] = field(default_factory=dict)
    stage_numerators: dict[str, Decimal] = field(default_factory=dict)
    time_denominator: Decimal = ZERO


def billing_latency(truth: Truth, legal_entity_id: str, month: str, knowledge_at: datetime) -> Latency:
    """Everything about the items of the invoices that a legal entity posted in a month, as known at an instant.

    The amounts are those of the documents, whatever their currency.
    """
    known = index(truth)
    posted = [(at, one) for at, one in known.posted if at <= knowledge_at and one.legal_entity_id == legal_entity_id]
    corrected = {one.corrects_id for _, one in posted if one.document_type == "credit_memo"}
    first, hours, count, effective = _Sum(), _Sum(), _Sum(), _Sum()
    stages: dict[str, _Sum] = defaultdict(_Sum)
    out = Latency()
    for at, invoice in posted:
        posted_day = known.day_of(legal_entity_id, at)
        if invoice.document_type != "invoice" or f"{posted_day:%Y-%m}" != month:
            continue
        for line in invoice.lines:
            service = _service_date(known, legal_entity_id, line)
            if service is None or line.net_amount <= 0:
                out.n_excluded += invoice.rebill_of_id is None
                continue
            days = (posted_day - service).days
            if invoice.id not in corrected:
                effective.add(days, line.net_amount)
                out.effective_n += 1
            if invoice.rebill_of_id is not None:
                continue
            out.n += 1
            first.add(days, line.net_amount)
            count.add(days, Decimal(1))
            if line.line_type == "time":
                hours.add(days, line.quantity)
                entry = known.entries[line.time_entry_id or ""]
                for stage, length in _stages(known, legal_entity_id, entry, invoice, at).items():
                    stages[stage].add(length, line.net_amount)
    out.numerator, out.denominator, out.value = first.numerator, first.denominator, first.value
    out.hours_weighted, out.count_weighted = hours.value, count.value
    out.effective_numerator, out.effective_denominator = effective.numerator, effective.denominator
    out.effective_value = effective.value
    out.stage_numerators = {stage: stages[stage].numerator for stage in STAGES}
    out.time_denominator = stages[STAGES[0]].denominator
    if out.time_denominator:
        out.stages = {stage: stages[stage].numerator / out.time_denominator for stage in STAGES}
        out.time_value = sum(out.stage_numerators.values(), ZERO) / out.time_denominator
    return out


def _service_date(known: Index, entity: str, line: InvoiceLine) -> date | None:
    """The work date of a time line, the acceptance of a milestone line; None for everything else.

    A milestone that is billed and not accepted has no service date yet.
    """
    if line.line_type == "time" and line.time_entry_id in known.entries:
        return known.entries[line.time_entry_id].work_date
    if line.line_type == "milestone" and line.milestone_id in known.milestones:
        accepted = known.milestones[line.milestone_id].accepted_at
        return None if accepted is None else known.day_of(entity, accepted)
    return None


def _stages(known: Index, entity: str, entry: TimeEntry, invoice: Invoice, posted_at: datetime) -> dict[str, int]:
    """Civil days between the steps; where a step was never recorded it took no time."""
    approvals = [event.at for event in entry.statuses if event.status == "approved" and event.at <= posted_at]
    submissions = [event.at for event in entry.statuses if event.status == "submitted"]
    approved = known.day_of(entity, max(approvals)) if approvals else invoice.invoice_date
    submitted = known.day_of(entity, min(submissions)) if submissions else approved
    posted = known.day_of(entity, posted_at)
    steps = (entry.work_date, submitted, approved, approved, invoice.invoice_date, posted)
    return {stage: (steps[place + 1] - steps[place]).days for place, stage in enumerate(STAGES)}
