"""Billing that doesn't follow the hours: instalments, milestones, retainers; and the money that comes in."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.firm_parts.base import DAY, Frame, cents, first_of, local_date, month_of, shift_month
from sandbox.firm_parts.billing import approved_at
from sandbox.firm_parts.documents import Desk
from sandbox.firm_parts.projects import Plan
from sandbox.truth import Amendment, Contract, Invoice, Milestone, Payment, TimeEntry


def bill_fixed_fee(frame: Frame, desk: Desk, plan: Plan, contract: Contract, amendments: list[Amendment]) -> None:
    """A first instalment at the start, equal ones while the work goes on, one more for every amendment."""
    rng = frame.stream("billing", plan.key)
    price = contract.lines[0].amount
    count = max(3, min(14, (plan.work_to - plan.work_from).days // 28))
    share = cents(price * Decimal(str(rng.choice((0.1, 0.2, 0.3)))))
    rest = cents((price - share) / count)
    amounts = [share] + [rest] * (count - 1)
    amounts.append(price - sum(amounts, Decimal(0)))
    span = plan.work_to - plan.work_from
    for index, amount in enumerate(amounts):
        day = plan.work_from + span * (index / count) + DAY * rng.randint(1, 9)
        _instalment(frame, desk, plan, frame.business_instant(rng, plan.entity, day), contract, amount)
    for amendment in amendments:
        day = max(amendment.effective_date, local_date(plan.entity, amendment.signed_at)) + DAY * rng.randint(3, 60)
        _instalment(frame, desk, plan, frame.business_instant(rng, plan.entity, day), contract, amendment.amount_delta)


def _instalment(frame: Frame, desk: Desk, plan: Plan, created: datetime, contract: Contract, amount: Decimal) -> None:
    rng = frame.stream("instalment", f"{plan.key}:{created.isoformat()}")
    created = max(created, frame.after(rng, plan.entity, contract.signed_at, 1, 3))
    draft = desk.document(rng, plan, created, month_of(local_date(plan.entity, created)))
    draft.add("fixed_fee", amount)
    if draft.posted and rng.random() < 0.03:
        at = frame.after(rng, plan.entity, draft.posted, 4, 30)
        memo = desk.credit(rng, draft, at, "goodwill", draft.lines)
        part = cents(amount * Decimal("0.10"))
        memo.lines = []
        memo.add("fixed_fee", -part, Decimal("-1.00"), part)


def bill_milestones(frame: Frame, desk: Desk, plan: Plan, contract: Contract, milestones: list[Milestone]) -> None:
    """Each milestone on its own invoice some days after the client accepted it; a few are billed before that."""
    for milestone in milestones:
        rng = frame.stream("milestone-bill", f"{plan.key}:{milestone.name}:{milestone.planned_date}")
        if milestone.accepted_at is None:
            continue
        created = frame.after(rng, plan.entity, milestone.accepted_at, 1, 12)
        if milestone.achieved_at and rng.random() < 0.06:
            created = max(milestone.created_at, contract.signed_at, milestone.achieved_at - DAY * 6) + timedelta(
                hours=3
            )
        draft = desk.document(rng, plan, created, month_of(local_date(plan.entity, created)))
        draft.add("milestone", milestone.amount, milestone=milestone.id)


def bill_retainer(frame: Frame, desk: Desk, plan: Plan, contract: Contract, entries: list[TimeEntry]) -> None:
    """The fee at the beginning of each month, and what was worked beyond it a month later."""
    rng = frame.stream("billing", plan.key)
    line = contract.lines[0]
    if line.included_hours is None or line.overage_rate is None:
        raise ValueError(f"contract line {line.id} is a retainer without included hours or overage rate")
    month, last = month_of(plan.work_from), min(month_of(plan.work_to), frame.last_month)
    overage_billed: dict[str, Decimal] = defaultdict(Decimal)
    # The first fee is billed when the work begins, in the middle of a month.
    begun = max(frame.business_instant(rng, plan.entity, plan.work_from), contract.signed_at + timedelta(hours=20))
    while month <= shift_month(last, 2):
        at = max(desk.run_day(rng, plan.entity, month, 2), begun)
        if month <= last:
            desk.document(rng, plan, at, month).add("retainer", line.amount)
        run = max(at, desk.run_day(rng, plan.entity, month, 4)) + timedelta(hours=1)
        oldest, newest = first_of(shift_month(month, -6)), first_of(shift_month(month, -1))
        worked: dict[str, Decimal] = defaultdict(Decimal)
        for entry in entries:
            if oldest <= entry.work_date < newest and approved_at(entry, run):
                worked[month_of(entry.work_date)] += entry.hours
        for work_month in sorted(worked):
            over = max(Decimal(0), worked[work_month] - line.included_hours) - overage_billed[work_month]
            if over > 0:
                draft = desk.document(rng, plan, run, shift_month(month, -1))
                draft.add("overage", cents(over * line.overage_rate), over, line.overage_rate)
                overage_billed[work_month] += over
        month = shift_month(month, 1)


def payments(frame: Frame, invoices: tuple[Invoice, ...]) -> tuple[Payment, ...]:
    """Who paid what when: most in full around the due date, some late, some in two parts, a few not at all."""
    credited = {invoice.corrects_id for invoice in invoices if invoice.corrects_id}
    rows: list[tuple[datetime, Invoice, Decimal]] = []
    for invoice in invoices:
        rng = frame.stream("payment", invoice.id)
        draw = rng.random()
        if invoice.document_type != "invoice" or invoice.posted_at is None or invoice.id in credited or draw < 0.04:
            continue
        entity = invoice.legal_entity_id
        gross = cents(invoice.net_amount * (1 + invoice.tax_rate))
        late = rng.choice((-4, -1, 0, 1, 2, 5)) if draw < 0.8 else rng.randint(10, 75)
        day = max(local_date(entity, invoice.posted_at) + DAY, invoice.due_date + DAY * late)
        at = frame.business_instant(rng, entity, day)
        if draw > 0.92:
            part = cents(gross * Decimal(str(rng.choice((0.3, 0.5, 0.75)))))
            rows.append((at, invoice, part))
            if draw > 0.94:
                rows.append((frame.after(rng, entity, at, 10, 45), invoice, gross - part))
        else:
            rows.append((at, invoice, gross))
    rows = [row for row in rows if row[0] <= frame.horizon]
    rows.sort(key=lambda row: (row[0], row[1].id))
    return tuple(
        Payment(
            f"Y{number:05d}", invoice.id, invoice.customer_id, invoice.currency, amount,
            local_date(invoice.legal_entity_id, at), at,
        )
        for number, (at, invoice, amount) in enumerate(rows, 1)
    )  # fmt: skip
