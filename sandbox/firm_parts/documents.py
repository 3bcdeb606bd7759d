"""Invoices and credit memos while they are being made: numbering, posting and what a draft becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from sandbox.firm_parts.base import Frame, add_workdays, instant, local_date, month_of
from sandbox.firm_parts.books import Books
from sandbox.firm_parts.projects import Plan
from sandbox.truth import Customer, Invoice, InvoiceLine

ONE = Decimal("1.00")


@dataclass(eq=False)
class Draft:
    """A document without its id. `wanted_month` is the month of the books that it should go to."""

    plan: Plan
    document_type: str
    created: datetime
    posted: datetime | None
    wanted_month: str
    lines: list[InvoiceLine] = field(default_factory=list)
    corrects: Draft | None = None
    rebill_of: Draft | None = None
    reason: str | None = None
    id: str = ""

    @property
    def net_amount(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.net_amount for line in self.lines), Decimal(0))

    def add(
        self, line_type: str, net: Decimal, quantity: Decimal = ONE, rate: Decimal | None = None,
        entry: str | None = None, milestone: str | None = None,
    ) -> None:  # fmt: skip
        """Append a line; `rate` is the net amount where it isn't given."""
        number = len(self.lines) + 1
        self.lines.append(
            InvoiceLine(number, line_type, entry, milestone, quantity, net if rate is None else rate, net)
        )


class Desk:
    """The billing desk: makes documents with plausible times and turns them into the truth's invoices."""

    def __init__(self, frame: Frame, books: Books, customers: list[Customer]) -> None:
        self.frame, self.books = frame, books
        self.customers = {customer.id: customer for customer in customers}
        self.drafts: list[Draft] = []

    def document(
        self, rng: Random, plan: Plan, created: datetime, wanted_month: str, document_type: str = "invoice"
    ) -> Draft:
        """A new document, posted 0 to 12 days after it was made; not posted where that is beyond the horizon."""
        wait = rng.choice((0, 0, 1, 1, 2, 2, 3, 4, 6, 9, 12)) if document_type == "invoice" else rng.choice((0, 1, 2))
        posted = self.posting(rng, plan.entity, created, wait)
        draft = Draft(plan, document_type, created, posted if posted <= self.frame.horizon else None, wanted_month)
        self.drafts.append(draft)
        return draft

    def posting(self, rng: Random, entity: str, created: datetime, wait: int) -> datetime:
        """Posted within `wait` days; never at a weekend unless on the very day it was made."""
        if wait == 0:
            return created + timedelta(minutes=rng.randint(5, 50))
        day = local_date(entity, created) + timedelta(days=wait)
        while day.weekday() > 4:
            day -= timedelta(days=1)
        return max(
            created + timedelta(minutes=7),
            instant(entity, day, rng.randrange(9 * 60, 18 * 60), rng.randrange(60)),
        )

    def credit(self, rng: Random, original: Draft, created: datetime, reason: str, lines: list[InvoiceLine]) -> Draft:
        """A credit memo over some lines of a posted invoice."""
        memo = self.document(
            rng, original.plan, created, month_of(local_date(original.plan.entity, created)), "credit_memo"
        )
        memo.corrects, memo.reason = original, reason
        for line in lines:
            memo.add(
                line.line_type,
                -line.net_amount,
                -line.quantity,
                line.rate,
                line.time_entry_id,
                line.milestone_id,
            )
        return memo

    def run_day(self, rng: Random, entity: str, month: str, tail: int = 4) -> datetime:
        """When the desk bills in a month: one of its first workdays."""
        start = date(int(month[:4]), int(month[5:]), 1) - timedelta(days=1)
        return instant(
            entity,
            add_workdays(entity, start, rng.randint(1, tail)),
            rng.randrange(9 * 60, 17 * 60),
            rng.randrange(60),
        )

    def invoices(self) -> tuple[Invoice, ...]:
        """What exists by the horizon, in the order in which it was made, numbered by entity and type."""
        kept = [d for d in self.drafts if d.lines and d.created <= self.frame.horizon]
        kept.sort(key=lambda d: (d.created, d.plan.id, d.document_type, d.net_amount))
        counters: dict[tuple[str, str], int] = {}
        for number, draft in enumerate(kept, 1):
            draft.id = f"I{number:05d}"
        out = []
        for draft in kept:
            plan, entity = draft.plan, draft.plan.entity
            series = (entity, draft.document_type)
            counters[series] = counters.get(series, 0) + 1
            prefix = "INV" if draft.document_type == "invoice" else "CM"
            customer = self.customers[plan.customer_id]
            invoice_date = local_date(entity, draft.created)
            out.append(
                Invoice(
                    draft.id, f"{entity}-{prefix}-{counters[series]:06d}", draft.document_type,  # type: ignore[arg-type]
                    plan.customer_id, plan.id, plan.contract_id or "", entity, plan.currency, invoice_date,
                    invoice_date + timedelta(days=customer.payment_terms_days), draft.created, draft.posted,
                    self.books.posting_period(entity, draft.wanted_month, draft.posted) if draft.posted else None,
                    Decimal("0.19") if entity == "DE01" and customer.country == "DE" else Decimal("0.00"),
                    tuple(draft.lines), draft.corrects.id if draft.corrects else None,
                    draft.rebill_of.id if draft.rebill_of else None, draft.reason,
                )
            )  # fmt: skip
        return tuple(out)
