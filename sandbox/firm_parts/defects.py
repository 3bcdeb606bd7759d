"""The wrong rows that the sources really deliver, beside the good ones. No good record refers to any of them.

A truth record can't lack an amount or a currency; there the projection of that system spoils the row by rule name
(`opportunity_amount_present`: no amount; `invoice_currency_present`: no currency; `invoice_lines_sum_to_header`:
the header's net is the invoice's and the defect's amount, one line is off).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sandbox.firm_parts.base import DAY, Frame, instant, local_date, month_of, on_workday, shift_month
from sandbox.firm_parts.books import CURRENCY, Books
from sandbox.firm_parts.contracts import Rates
from sandbox.firm_parts.people import card_of
from sandbox.truth import (
    Customer,
    Defect,
    Invoice,
    InvoiceLine,
    Opportunity,
    Project,
    Resource,
    StageEvent,
    StatusEvent,
    TimeEntry,
    Truth,
)


def spoil(frame: Frame, truth: Truth, books: Books, rates: Rates) -> Truth:
    """The truth with the bogus rows added and named in `defects`."""
    maker = _Maker(frame, truth, books, rates)
    maker.accounts()
    maker.opportunities()
    maker.time()
    maker.projects()
    maker.invoices()
    maker.employees()
    return maker.truth


class _Maker:
    def __init__(self, frame: Frame, truth: Truth, books: Books, rates: Rates) -> None:
        self.frame, self.truth, self.books, self.rates = frame, truth, books, rates
        self.rng = frame.stream("defect")
        old = frame.today - timedelta(days=120)
        # Only what is settled and known to every system may be leaned on.
        self.customers = [c for c in truth.customers if c.known_to_erp_at and c.known_to_erp_at < old and not c.renamed]
        self.projects_by_hour = [
            p for p in truth.projects
            if p.created_at and p.created_at < old and p.billing_method == "time_and_materials" and p.contract_id
        ]  # fmt: skip

    def _found(
        self,
        rule: str,
        system: str,
        kind: str,
        key: str,
        amount: Decimal | None = None,
        currency: str | None = None,
    ) -> None:
        self.truth = replace(
            self.truth, defects=(*self.truth.defects, Defect(rule, system, kind, key, amount, currency))
        )

    def accounts(self) -> None:
        """Accounts whose country is missing or no country."""
        for number, country in enumerate(("", "ZZ", ""), 1):
            entity = ("DE01", "US01", "US01")[number - 1]
            key = f"C900{number}"
            bad = Customer(
                key, f"Unplaced Holding {number}", f"Unplaced Holding {number} Ltd", country, CURRENCY[entity],
                "Retail", f"unplaced-{number}.example", f"X{number:09d}", entity, 30, None,
                self.customers[0].owner_email,
                self.frame.business_instant(self.rng, entity, self.frame.today.date() - DAY * (90 + number)), None,
                None,
            )  # fmt: skip
            self.truth = replace(self.truth, customers=(*self.truth.customers, bad))
            self._found("account_country_known", "salesforce", "account", key)

    def opportunities(self) -> None:
        """Deals that were marked won without an amount."""
        for number in range(1, 4):
            customer = self.customers[number % len(self.customers)]
            entity, key = customer.legal_entity_id, f"O900{number}"
            won = self.frame.business_instant(self.rng, entity, self.frame.today.date() - DAY * (40 * number))
            created = won - timedelta(days=33, hours=2)
            expected = local_date(entity, won)
            nothing = Decimal("0.00")
            stages = (
                StageEvent("qualify", nothing, 20, expected, created),
                StageEvent("closed_won", nothing, 100, expected, won),
            )
            bad = Opportunity(
                key, customer.id, f"{customer.name}: amount to follow", CURRENCY[entity], entity, "strategy", True,
                "fixed_fee", customer.owner_email, created, stages, None,
            )  # fmt: skip
            self.truth = replace(self.truth, opportunities=(*self.truth.opportunities, bad))
            self._found("opportunity_amount_present", "salesforce", "opportunity", key)

    def time(self) -> None:
        """Entries with impossible hours on real projects, and entries on projects that don't exist."""
        people = {p.id: p for p in self.truth.resources}
        real = [self.rng.choice(self.projects_by_hour) for _ in range(3)]
        first_entry = {e.project_id: e for e in reversed(self.truth.time_entries)}
        cases: list[tuple[str, str, str, str]] = [
            ("time_hours_in_range", project.id, project.rate_card_id, hours)
            for project, hours in zip(real, ("100.00", "36.00", "0.00"), strict=True)
        ]
        for number in (9, 8, 7):
            cases.append(("time_project_known", f"P999{number}", "", f"{number - 1}.00"))
        for number, (rule, project_id, card, hours) in enumerate(cases, 1):
            model = first_entry.get(project_id, self.truth.time_entries[0])
            person = people[model.resource_id]
            entity = person.legal_entity_id
            day = model.work_date
            home = CURRENCY[entity]
            if not card:
                day = on_workday(entity, self.frame.today.date() - DAY * 45)
                person = next(p for p in people.values() if p.termination_date is None and p.legal_entity_id == entity)
            created = instant(entity, day, 17 * 60, number)
            checker = self.truth.projects[0].statuses[0].actor
            bad = TimeEntry(
                f"T90000{number}", project_id, person.id, day, Decimal(hours), True, "Analysis", created,
                (StatusEvent("submitted", created + timedelta(hours=1), person.email),
                 StatusEvent("approved", self.frame.after(self.rng, entity, created, 1, 2), checker)),
            )  # fmt: skip
            self.truth = replace(self.truth, time_entries=(*self.truth.time_entries, bad))
            priced_by = card or card_of(entity, home, home)
            rate = self.rates.rate(priced_by, person.role, day, self.frame.today)
            currency = next(c.currency for c in self.truth.rate_card_lines if c.rate_card_id == priced_by)
            amount = (bad.hours * rate).quantize(Decimal("0.01"))
            self._found(rule, "kantata", "time_entries", bad.id, amount, currency)

    def projects(self) -> None:
        """Projects in currencies that the firm doesn't trade in; nobody worked on them."""
        for number, currency in enumerate(("XXX", "DKK"), 1):
            customer = self.customers[(number + 3) % len(self.customers)]
            entity = customer.legal_entity_id
            manager = next(r for r in self.truth.resources if r.legal_entity_id == entity and r.role == "partner")
            created = self.frame.business_instant(self.rng, entity, self.frame.today.date() - DAY * (100 + number))
            start = local_date(entity, created)
            bad = Project(
                f"P900{number}", f"Scratch space {number}", None, None, customer.id, entity, currency, "fixed_fee",
                "strategy", manager.id, start, start + DAY * 90, Decimal("10.00"), f"RC-{entity}", created,
                (StatusEvent("created", created, manager.email),
                 StatusEvent("active", created + timedelta(minutes=30), manager.email)),
            )  # fmt: skip
            self.truth = replace(self.truth, projects=(*self.truth.projects, bad))
            self._found("project_currency_known", "kantata", "workspaces", bad.id)

    def invoices(self) -> None:
        """Posted invoices without a currency, and invoices whose header isn't the sum of the lines."""
        rules = ("invoice_currency_present",) * 2 + ("invoice_lines_sum_to_header",) * 3
        for number, rule in enumerate(rules, 1):
            project = self.projects_by_hour[(number * 5) % len(self.projects_by_hour)]
            entity, contract_id = project.legal_entity_id, project.contract_id or ""
            month = shift_month(month_of(self.frame.today.date()), -number)
            day = self.frame.today.date() - DAY * (25 * number + 3)
            created = self.frame.business_instant(self.rng, entity, day)
            posted = created + timedelta(hours=1)
            net = Decimal(1000 * number + 250).quantize(Decimal("0.01"))
            invoice_date = local_date(entity, created)
            bad = Invoice(
                f"I9000{number}", f"{entity}-X-{number:06d}", "invoice", project.customer_id, project.id, contract_id,
                entity, project.currency, invoice_date, invoice_date + DAY * 30, created, posted,
                self.books.posting_period(entity, month, posted), Decimal("0.00"),
                (InvoiceLine(1, "fixed_fee", None, None, Decimal("1.00"), net, net),),
            )  # fmt: skip
            self.truth = replace(self.truth, invoices=(*self.truth.invoices, bad))
            if rule == "invoice_lines_sum_to_header":
                self._found(rule, "netsuite", "transaction", bad.id, net, project.currency)
            else:
                self._found(rule, "netsuite", "transaction", bad.id)

    def employees(self) -> None:
        """People without an e-mail address, who never booked time."""
        for number, entity in enumerate(("DE01", "US01"), 1):
            hired = on_workday(entity, self.frame.today.date() - DAY * (60 * number))
            bad = Resource(
                f"R90{number}", "Noa", f"Blank{number}", "", entity, "consultant", "Strategy", None, hired, None,
                Decimal("40.00"), instant(entity, hired, 600),
            )  # fmt: skip
            self.truth = replace(self.truth, resources=(*self.truth.resources, bad))
            self._found("employee_email_present", "bamboohr", "employees", bad.id)
