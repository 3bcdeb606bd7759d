"""The shapes of the firm's truth: what really happened, before any system wrote it down.

Every record carries when it happened and when somebody recorded it, so a system's view at any instant can be
projected. Amounts are Decimal in the record's own currency, hours Decimal, instants aware UTC, civil dates `date`.
No vendor's words here (those are in `sandbox/project`), no generation (that is `sandbox/firm`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

BillingMethod = Literal["time_and_materials", "fixed_fee", "milestone", "retainer"]


@dataclass(frozen=True)
class LegalEntity:
    """A company of the firm: `DE01` (EUR, Europe/Berlin) and `US01` (USD, America/New_York)."""

    id: str
    name: str
    currency: str
    country: str
    time_zone: str


@dataclass(frozen=True)
class AccountingPeriod:
    """One month of one legal entity's books. `closed_at` is when finance closed it (None: still open)."""

    id: str  # '2026-03:DE01'
    legal_entity_id: str
    month: str  # '2026-03'
    start_date: date
    end_date: date
    closed_at: datetime | None


@dataclass(frozen=True)
class FxRate:
    """Units of `to_currency` for one of `from_currency`. Types: spot (daily), closing (month end)."""

    from_currency: str
    to_currency: str
    rate_type: Literal["spot", "closing"]
    rate_date: date
    rate: Decimal


@dataclass(frozen=True)
class Customer:
    """A client. `known_to_erp_at` None: nobody has created it in the ERP (our push will)."""

    id: str  # 'C0001'
    name: str
    legal_name: str
    country: str
    currency: str
    industry: str
    domain: str
    tax_id: str
    legal_entity_id: str
    payment_terms_days: int
    parent_id: str | None
    owner_email: str
    created_at: datetime
    known_to_psa_at: datetime | None
    known_to_erp_at: datetime | None
    renamed: tuple[tuple[datetime, str], ...] = ()


@dataclass(frozen=True)
class StageEvent:
    """One change of an opportunity. stage: qualify | propose | negotiate | closed_won | closed_lost."""

    stage: str
    amount: Decimal
    probability: int
    expected_close: date
    at: datetime


@dataclass(frozen=True)
class Opportunity:
    """A deal. The won moment is the last `closed_won` stage event still in force; `contract_approved_at` may come later."""

    id: str  # 'O0001'
    customer_id: str
    name: str
    currency: str
    legal_entity_id: str
    service_line: str  # strategy | engineering | managed | licences (the last is not a service)
    is_services: bool
    billing_method: BillingMethod
    owner_email: str
    created_at: datetime
    stages: tuple[StageEvent, ...]
    contract_approved_at: datetime | None


@dataclass(frozen=True)
class Amendment:
    """One signed change of a contract; counts from max(effective_date, date of signed_at)."""

    id: str  # 'A0001'
    contract_id: str
    number: int
    effective_date: date
    signed_at: datetime
    amount_delta: Decimal
    hours_delta: Decimal
    new_nte_cap: Decimal | None
    reason: str


@dataclass(frozen=True)
class ContractLine:
    """One billing component. `amount` is the price (fixed fee, milestones, expected T&M); retainer: fee a month."""

    id: str  # 'K0001-1'
    contract_id: str
    line_no: int
    billing_method: BillingMethod
    revenue_method: Literal["as_billed", "poc_hours", "on_acceptance", "ratable_daily"]
    amount: Decimal
    planned_hours: Decimal
    nte_cap: Decimal | None
    rate_card_id: str
    included_hours: Decimal | None  # retainer: hours a month in the fee
    overage_rate: Decimal | None


@dataclass(frozen=True)
class Contract:
    """A signed agreement; one line in this firm's contracts, more are allowed by the model."""

    id: str  # 'K0001'
    number: str
    opportunity_id: str
    customer_id: str
    legal_entity_id: str
    currency: str
    signed_at: datetime
    start_date: date
    end_date: date
    amount: Decimal
    lines: tuple[ContractLine, ...]


@dataclass(frozen=True)
class StatusEvent:
    """One change of state of a project or time entry, when it was recorded and by whom (an e-mail, or 'integration')."""

    status: str
    at: datetime
    actor: str


@dataclass(frozen=True)
class Project:
    """Work for a contract. `created_at` None: it does not exist until our push creates it (the last month's won deals).

    Project states: created | active | on_hold | closed. The first `active` stops the quote-to-project clock.
    """

    id: str  # 'P0001'; the number people use
    name: str
    contract_id: str | None  # None with opportunity_id None: an orphan, a known defect
    opportunity_id: str | None
    customer_id: str
    legal_entity_id: str
    currency: str
    billing_method: BillingMethod
    service_line: str
    manager_id: str
    start_date: date
    end_date: date
    planned_hours: Decimal
    rate_card_id: str
    created_at: datetime | None
    statuses: tuple[StatusEvent, ...]


@dataclass(frozen=True)
class Resource:
    """A consultant."""

    id: str  # 'R001'; also the employee number
    first_name: str
    last_name: str
    email: str
    legal_entity_id: str
    role: str  # partner | manager | senior | consultant
    practice: str
    manager_id: str | None
    hire_date: date
    termination_date: date | None
    weekly_hours: Decimal
    created_at: datetime


@dataclass(frozen=True)
class RateCardLine:
    """A bill rate an hour. The applicable rate of a work date is the line with the latest `effective_from` on or
    before it among those with `recorded_at` known; a line recorded after its effective date is a retroactive change.
    """

    rate_card_id: str
    role: str
    currency: str
    bill_rate: Decimal
    effective_from: date
    recorded_at: datetime


@dataclass(frozen=True)
class TimeEntry:
    """Hours of one person on one project on one day. States: draft | submitted | approved | rejected.

    `replaces_id`: the entry that corrects a rejected one. `hours` may be wrong where the entry is a known defect.
    """

    id: str  # 'T000001'
    project_id: str
    resource_id: str
    work_date: date
    hours: Decimal
    billable: bool
    notes: str
    created_at: datetime
    statuses: tuple[StatusEvent, ...]
    replaces_id: str | None = None


@dataclass(frozen=True)
class Milestone:
    """A payment milestone of a contract line."""

    id: str  # 'M0001'
    project_id: str
    contract_line_id: str
    name: str
    amount: Decimal
    planned_date: date
    created_at: datetime
    achieved_at: datetime | None
    accepted_at: datetime | None


@dataclass(frozen=True)
class InvoiceLine:
    """line_type: time | rate_true_up | fixed_fee | milestone | retainer | overage. Credit memo lines are negative."""

    line_no: int
    line_type: str
    time_entry_id: str | None
    milestone_id: str | None
    quantity: Decimal
    rate: Decimal
    net_amount: Decimal


@dataclass(frozen=True)
class Invoice:
    """An invoice or credit memo. `posted_at` None: a draft. `posting_period` is the month of the books it is posted in."""

    id: str  # 'I00001'
    number: str
    document_type: Literal["invoice", "credit_memo"]
    customer_id: str
    project_id: str
    contract_id: str
    legal_entity_id: str
    currency: str
    invoice_date: date
    due_date: date
    created_at: datetime
    posted_at: datetime | None
    posting_period: str | None
    tax_rate: Decimal
    lines: tuple[InvoiceLine, ...]
    corrects_id: str | None = None
    rebill_of_id: str | None = None
    credit_reason: str | None = None

    @property
    def net_amount(self) -> Decimal:
        """Sum of the lines, net of tax."""
        return sum((line.net_amount for line in self.lines), Decimal(0))


@dataclass(frozen=True)
class Payment:
    """Money received and applied to one invoice, in whole or in part (gross, in the invoice's currency)."""

    id: str  # 'Y00001'
    invoice_id: str
    customer_id: str
    currency: str
    amount: Decimal
    received_date: date
    applied_at: datetime


@dataclass(frozen=True)
class Defect:
    """A wrong row that a source really delivers, and what must become of it.

    `rule` is the name of the quality rule that must catch it; `record_id` the truth id of the row that carries it.
    `amount` is the money that the quarantined row would have carried, None where it carries none.
    """

    rule: str
    system: str
    object: str
    record_id: str
    amount: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Truth:
    """Everything that happens to the firm, from its first day to some days after its today."""

    start: datetime
    today: datetime
    legal_entities: tuple[LegalEntity, ...]
    periods: tuple[AccountingPeriod, ...]
    fx_rates: tuple[FxRate, ...]
    customers: tuple[Customer, ...]
    opportunities: tuple[Opportunity, ...]
    contracts: tuple[Contract, ...]
    amendments: tuple[Amendment, ...]
    projects: tuple[Project, ...]
    resources: tuple[Resource, ...]
    rate_card_lines: tuple[RateCardLine, ...]
    time_entries: tuple[TimeEntry, ...]
    milestones: tuple[Milestone, ...]
    invoices: tuple[Invoice, ...]
    payments: tuple[Payment, ...]
    defects: tuple[Defect, ...] = field(default=())
