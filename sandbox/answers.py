"""The known answers: what the KPIs of a simulated firm must be, counted from its truth by plain loops.

Written from the KPI definitions alone. It shares nothing with the platform that is checked against it: no SQL, no
import of it, no common helper. Rows that `Truth.defects` names count nowhere but in `quarantined`.

`as_of` D ends at 23:59:59.999999 in the legal entity's time zone; an event counts when it was recorded at or before
`knowledge_at`. Money is exact and rounded half up to cents only in the sums that are returned; a currency that is
missing in an answer is zero. This file is the one to import; the neighbours `answers_*.py` hold one theme each.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sandbox.answers_deals import (
    CycleTime,
    LoopExpectation,
    Waiting,
    effective_won_at,
    eligible_for_provisioning,
    loop_expectations,
    orphan_projects,
    quote_to_project,
    won_without_project,
)
from sandbox.answers_index import index
from sandbox.answers_latency import Latency, billing_latency
from sandbox.answers_wip import (
    LineWip,
    billable_now,
    over_cap_exposure,
    overbilled_exposure,
    unbilled_wip,
    unbilled_wip_ageing,
    unbilled_wip_by_method,
    unbilled_wip_group_eur,
    wip_lines,
    wip_unapproved,
)
from sandbox.truth import Truth

__all__ = [
    "CycleTime",
    "Latency",
    "LineWip",
    "LoopExpectation",
    "ReportingPoint",
    "Waiting",
    "billable_now",
    "billing_latency",
    "effective_won_at",
    "eligible_for_provisioning",
    "loop_expectations",
    "orphan_projects",
    "over_cap_exposure",
    "overbilled_exposure",
    "quarantined",
    "quote_to_project",
    "reporting_points",
    "unbilled_wip",
    "unbilled_wip_ageing",
    "unbilled_wip_by_method",
    "unbilled_wip_group_eur",
    "wip_lines",
    "wip_unapproved",
    "won_without_project",
]


@dataclass(frozen=True)
class ReportingPoint:
    """One (month, legal entity, basis) with the day it looks at and the instant up to which it knows."""

    period: str
    legal_entity_id: str
    basis: Literal["as_reported", "restated"]
    as_of: date
    knowledge_at: datetime
    is_provisional: bool


def reporting_points(truth: Truth, now: datetime) -> list[ReportingPoint]:
    """Both bases of every month that has begun at `now`, for each legal entity.

    A closed month: as reported at its close, and restated now. A month that is not closed: both bases as known now,
    provisional, at the earlier of its last day and today.
    """
    known = index(truth)
    out = []
    for period in truth.periods:
        today = known.day_of(period.legal_entity_id, now)
        if period.start_date > today:
            continue
        closed = period.closed_at if period.closed_at is not None and period.closed_at <= now else None
        as_of = period.end_date if closed else min(period.end_date, today)
        as_reported = ReportingPoint(
            period.month, period.legal_entity_id, "as_reported", as_of, closed or now, closed is None
        )
        out += [as_reported, replace(as_reported, basis="restated", knowledge_at=now)]
    return out


def quarantined(truth: Truth, at: datetime) -> dict[str, tuple[int, dict[str, Decimal]]]:
    """Rule -> (rows that must be in quarantine at an instant, their money by currency)."""
    known_since: dict[str, datetime] = {
        record.id: record.created_at
        for records in (
            truth.customers,
            truth.opportunities,
            truth.resources,
            truth.time_entries,
            truth.invoices,
        )
        for record in records
        if record.id in index(truth).bad
    }
    known_since |= {p.id: p.created_at for p in truth.projects if p.created_at and p.id in index(truth).bad}
    counts: dict[str, int] = defaultdict(int)
    money: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for defect in truth.defects:
        if known_since[defect.record_id] > at:
            continue
        counts[defect.rule] += 1
        if defect.amount is not None and defect.currency is not None:
            money[defect.rule][defect.currency] += defect.amount
    return {rule: (counts[rule], dict(money[rule])) for rule in sorted(counts)}
