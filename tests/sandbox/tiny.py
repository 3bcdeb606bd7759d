"""Very small firms, built record by record, so that a test can say the right answer by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.truth import (
    AccountingPeriod,
    Amendment,
    Contract,
    ContractLine,
    Defect,
    FxRate,
    Invoice,
    InvoiceLine,
    LegalEntity,
    Milestone,
    Opportunity,
    Project,
    RateCardLine,
    Resource,
    StageEvent,
    StatusEvent,
    TimeEntry,
    Truth,
)

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """'2026-03-02T10:00' in UTC; a bare date means its noon."""
    moment = datetime.fromisoformat(text if "T" in text else f"{text}T12:00")
    return moment.replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def end(text: str) -> datetime:
    """The last microsecond of a day in UTC."""
    return datetime.combine(day(text), time.max, UTC)


def money(value: Any) -> Decimal:
    return Decimal(str(value))


@dataclass
class Tiny:
    """Collects records; `truth()` is the firm. Legal entity 'X' lives in UTC unless another zone is given."""

    currency: str = "USD"
    zone: str = "UTC"
    entries: list[TimeEntry] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    deals: list[Opportunity] = field(default_factory=list)
    rates: list[RateCardLine] = field(default_factory=list)
    periods: list[AccountingPeriod] = field(default_factory=list)
    fx: list[FxRate] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    people: dict[str, Resource] = field(default_factory=dict)

    def rate(self, role: str, rate: Any, effective: str = "2024-01-01", recorded: datetime = LONG_AGO) -> None:
        self.rates.append(RateCardLine("RC", role, self.currency, money(rate), day(effective), recorded))

    def project(
        self, key: str = "P1", method: str = "time_and_materials", *, amount: Any = 0, planned: Any = 0,
        cap: Any = None, included: Any = None, overage: Any = None, currency: str | None = None,
        entity: str = "X", opportunity: str | None = "O1", contract: bool = True,
        statuses: tuple[tuple[str, str], ...] = (("created", "2024-01-02"), ("active", "2024-01-03")),
    ) -> None:  # fmt: skip
        events = tuple(StatusEvent(status, at(when), "pm") for status, when in statuses)
        self.projects.append(
            Project(
                key, key, f"K{key}" if contract else None, opportunity, "C1", entity, currency or self.currency,
                method, "strategy", "R1", day("2024-01-01"), day("2027-01-01"), money(planned), "RC",  # type: ignore[arg-type]
                events[0].at if events else None, events,
            )
        )  # fmt: skip
        if not contract:
            return
        line = ContractLine(
            f"L{key}", f"K{key}", 1, method, "as_billed", money(amount), money(planned),  # type: ignore[arg-type]
            None if cap is None else money(cap), "RC", None if included is None else money(included),
            None if overage is None else money(overage),
        )  # fmt: skip
        self.contracts.append(
            Contract(
                f"K{key}", f"N{key}", opportunity or "", "C1", entity, currency or self.currency, LONG_AGO,
                day("2024-01-01"), day("2027-01-01"), money(amount), (line,),
            )
        )  # fmt: skip

    def work(
        self, key: str, when: str, hours: Any, *events: tuple[str, str], project: str = "P1", role: str = "r",
        billable: bool = True, replaces: str | None = None,
    ) -> None:  # fmt: skip
        self.person(role)
        statuses = tuple(StatusEvent(status, at(moment), "a") for status, moment in events)
        self.entries.append(
            TimeEntry(key, project, role, day(when), money(hours), billable, "", at(when), statuses, replaces)
        )

    def person(self, role: str) -> None:
        self.people[role] = Resource(
            role,
            role,
            role,
            f"{role}@x",
            "X",
            role,
            "S",
            None,
            day("2020-01-01"),
            None,
            Decimal(40),
            LONG_AGO,
        )

    def amend(
        self, number: int, effective: str, signed: str, amount: Any = 0, hours: Any = 0, cap: Any = None,
        project: str = "P1",
    ) -> None:  # fmt: skip
        self.amendments.append(
            Amendment(
                f"A{number}", f"K{project}", number, day(effective), at(signed), money(amount), money(hours),
                None if cap is None else money(cap), "scope",
            )
        )  # fmt: skip

    def milestone(self, key: str, amount: Any, accepted: str | None, project: str = "P1") -> None:
        moment = at(accepted) if accepted else None
        self.milestones.append(
            Milestone(key, project, f"L{project}", key, money(amount), day("2026-01-01"), LONG_AGO, moment, moment)
        )

    def bill(
        self, key: str, posted: str | None, *lines: tuple[str, str | None, Any, Any], project: str = "P1",
        corrects: str | None = None, rebill_of: str | None = None, invoice_date: str | None = None, entity: str = "X",
    ) -> None:  # fmt: skip
        """Lines are (type, entry or milestone id, quantity, net amount); with `corrects` it is a credit memo."""
        made = at(posted or "2026-01-01")
        self.invoices.append(
            Invoice(
                key, key, "credit_memo" if corrects else "invoice", "C1", project, f"K{project}", entity, self.currency,
                day(invoice_date) if invoice_date else made.date(), made.date() + timedelta(days=30), made,
                made if posted else None, None, Decimal(0),
                tuple(
                    InvoiceLine(
                        number, kind, None if kind == "milestone" else ref, ref if kind == "milestone" else None,
                        money(quantity), Decimal(0), money(net),
                    )
                    for number, (kind, ref, quantity, net) in enumerate(lines, 1)
                ),
                corrects, rebill_of, "billing_error" if corrects else None,
            )
        )  # fmt: skip

    def deal(
        self,
        key: str,
        *stages: tuple[str, str],
        services: bool = True,
        approved: str | None = None,
        entity: str = "X",
    ) -> None:
        events = tuple(StageEvent(stage, Decimal(100), 50, day("2026-01-01"), at(when)) for stage, when in stages)
        self.deals.append(
            Opportunity(
                key, "C1", key, self.currency, entity, "strategy" if services else "licences", services,
                "fixed_fee", "s@x", events[0].at, events, at(approved) if approved else None,
            )
        )  # fmt: skip

    def period(self, month: str, closed: str | None, entity: str = "X") -> None:
        first = day(f"{month}-01")
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        self.periods.append(
            AccountingPeriod(f"{month}:{entity}", entity, month, first, last, at(closed) if closed else None)
        )

    def spoil(self, record_id: str, rule: str, amount: Any = None) -> None:
        self.defects.append(Defect(rule, "s", "o", record_id, None if amount is None else money(amount), self.currency))

    def truth(self) -> Truth:
        entities = (
            LegalEntity("X", "X", self.currency, "US", self.zone),
            LegalEntity("Y", "Y", self.currency, "US", "UTC"),
        )
        return Truth(
            LONG_AGO, LONG_AGO, entities, tuple(self.periods), tuple(self.fx), (), tuple(self.deals),
            tuple(self.contracts), tuple(self.amendments), tuple(self.projects), tuple(self.people.values()),
            tuple(self.rates), tuple(self.entries), tuple(self.milestones), tuple(self.invoices), (), tuple(self.defects),
        )  # fmt: skip
