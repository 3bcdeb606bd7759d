"""A year of business, done by pressing Tryton's own buttons in the order of the calendar. Runs inside its environment.

usage: year_of_business.py DATABASE_URI CONFIG_FILE NOW

Deals go through opportunity, quotation and sale; projects are opened, time is booked each week and approved the week
after; every month is billed (by timesheet, by progress, by finished milestone), posted, paid in full or in part,
sometimes credited, and closed on the 8th. NOW (naive UTC) is where the story ends. What was won in the last weeks has
no project yet. It is the same firm each time: the generator is seeded, only the calendar moves.

Customs of this firm, where Tryton has no object of its own:
  approval of time   a note on the timesheet line: "Approved", or "Rejected: <why>"
  deal of a project  "[opp:<id of the opportunity>]" in the project's comment
"""

from __future__ import annotations

import datetime as dt
import gc
import heapq
import itertools
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import firm_clock
from proteus import Model, Wizard
from proteus import config as proteus_config
from setup_master import one, use_company

DAY = dt.timedelta(days=1)
DELIVERED, FRESH, LICENCES, LOST, CANCELLED, OPEN = 26, 7, 3, 8, 1, 11
METHODS = ("timesheet", "progress", "timesheet", "effort")
CLIENTS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Ginkgo",
    "Hazel",
    "Ironwood",
    "Juniper",
    "Kauri",
    "Larch",
    "Maple",
    "Nutmeg",
    "Oak",
    "Poplar",
    "Quince",
    "Rowan",
    "Spruce",
    "Teak",
    "Upas",
    "Viburnum",
    "Willow",
    "Yew",
    "Zelkova",
    "Acacia",
)
TRADES = ("Logistics", "Energy", "Retail", "Health", "Foods", "Mobility")


@dataclass
class Project:
    """A project under way, as the story keeps track of it."""

    record: int
    company: str
    method: str
    tasks: list[tuple[int, str]]  # timesheet work and the product's code
    work_ids: list[int]
    opened: dt.date
    ends: dt.date
    approves_late: bool
    progress: float = 0.0
    done: int = 0


@dataclass
class Story:
    """The calendar of what is still to happen, and what the steps must remember."""

    start: dt.date
    end: dt.datetime
    rnd: random.Random = field(default_factory=lambda: random.Random(8_0_12))
    calendar: list[tuple[dt.datetime, int, Callable[[], None]]] = field(default_factory=list)
    order: itertools.count = field(default_factory=itertools.count)
    companies: dict[str, Any] = field(default_factory=dict)
    clients: list[int] = field(default_factory=list)
    staff: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    projects: list[Project] = field(default_factory=list)
    billed: int = 0

    def on(self, at: dt.datetime, what: Callable[[], None]) -> None:
        """Put `what` in the calendar; what lies beyond the end of the story never happens."""
        heapq.heappush(self.calendar, (at, next(self.order), what))

    def live(self) -> None:
        """Do everything in the order of time, with Tryton's clock set to each moment."""
        while self.calendar and self.calendar[0][0] <= self.end:
            at, _, what = heapq.heappop(self.calendar)
            firm_clock.set_to(at)
            what()

    def work_in(self, code: str) -> None:
        """Switch to the company."""
        use_company(self.companies[code])


def at(day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    """That day at that time (UTC); a weekend moves to Monday."""
    day += DAY * (max(0, day.weekday() - 4) and 7 - day.weekday())
    return dt.datetime.combine(day, dt.time(hour, minute))


def meet_clients(story: Story) -> None:
    """The customers' parties, with an address, a web site and terms in the company that serves them."""
    party = Model.get("party.party")
    countries = {c.code: c for c in Model.get("country.country").find([])}
    terms = Model.get("account.invoice.payment_term").find([], order=[("id", "ASC")])
    records = []
    for index, name in enumerate(CLIENTS):
        code = "US01" if index % 3 == 2 else "DE01"
        trade = TRADES[index % len(TRADES)]
        record = party(name=f"{name} {trade} {'Inc.' if code == 'US01' else 'GmbH'}")
        address = record.addresses[0] if record.addresses else record.addresses.new()
        address.city = "Boston" if code == "US01" else "Hamburg"
        address.country = countries["US" if code == "US01" else ("AT" if index % 7 == 0 else "DE")]
        record.contact_mechanisms.new(type="website", value=f"https://www.{name.lower()}.example")
        records.append(record)
    party.save(records)
    for index, record in enumerate(records):
        for code in story.companies:
            story.work_in(code)
            here = party(record.id)
            here.customer_payment_term = terms[index % len(terms)]
            here.save()
    story.clients = [record.id for record in records]


def plan_deals(story: Story) -> None:
    """Every deal's path, from the first call to its end or to today."""
    today = story.end.date()
    number = 0

    def deal(won: dt.date | None, fate: str, method: str = "timesheet", opened: dt.date | None = None) -> None:
        nonlocal number
        company = "US01" if number % 3 == 2 else "DE01"
        client = story.clients[number % len(story.clients)]
        begin = opened or (won or today) - DAY * story.rnd.randint(32, 60)
        index, number = number, number + 1
        story.on(at(begin, 9, index % 50), lambda: open_deal(story, index, company, client, fate, method, won))

    span = (today - story.start).days
    for index in range(DELIVERED):
        deal(
            story.start + DAY * (5 + index * (span - 95) // DELIVERED),
            "delivered",
            METHODS[index % len(METHODS)],
        )
    for index in range(FRESH):
        deal(today - DAY * (3 + index * 3), "fresh", METHODS[index % len(METHODS)])
    for index in range(LICENCES):
        deal(story.start + DAY * (60 + index * 90), "licence")
    for index in range(LOST):
        deal(story.start + DAY * (40 + index * 37), "lost")
    for _ in range(CANCELLED):
        deal(story.start + DAY * 120, "cancelled")
    for index in range(OPEN):
        fate = ("lead", "opportunity", "converted")[index % 3]
        deal(None, fate, METHODS[index % len(METHODS)], opened=today - DAY * (20 + index * 3))


def sold_lines(method: str, fate: str, rnd: random.Random) -> list[tuple[str, int]]:
    """Products and quantities of a deal."""
    if fate == "licence":
        return [("LIC-STD", rnd.randint(2, 9))]
    if method == "progress":
        return [("ENG-FIX", rnd.randrange(400, 900, 50))]
    if method == "effort":
        return [("STRAT-MIL", rnd.randrange(240, 540, 60))]
    line = rnd.choice(("STRAT", "ENG"))
    return [(f"{line}-SEN", rnd.randrange(120, 320, 20)), (f"{line}-CON", rnd.randrange(200, 480, 20))]


def open_deal(  # noqa: PLR0915 - a deal reads as one story
    story: Story, index: int, company: str, client: int, fate: str, method: str, won: dt.date | None
) -> None:
    """The lead is entered; the next steps go into the calendar."""
    story.work_in(company)
    rnd = story.rnd
    today = firm_clock.now().date()
    lines = sold_lines(method, fate, rnd)
    record = Model.get("sale.opportunity")(
        description=f"{rnd.choice(('Rollout', 'Review', 'Platform', 'Programme', 'Assessment'))} {index + 1:02d}"
    )
    record.party = Model.get("party.party")(client)
    record.employee = Model.get("company.employee")(story.staff[company]["Manager"][0])
    record.start_date = today
    record.end_date = (won or today + DAY * 60) + DAY * rnd.randint(-5, 20)
    record.conversion_probability = 0.2
    amount = Decimal(0)
    for code, quantity in lines:
        product = one("product.product", [("code", "=", code)])
        line = record.lines.new()
        line.product = product
        line.quantity = quantity
        amount += product.template.list_price * quantity
    record.amount = (amount * Decimal("1.1")).quantize(Decimal("1000"))
    record.save()
    days = ((won or today + DAY * 40) - today).days

    def qualify() -> None:
        story.work_in(company)
        record.reload()
        record.conversion_probability = 0.4
        record.save()
        record.click("opportunity")

    def offer() -> None:
        story.work_in(company)
        record.reload()
        record.amount = amount
        record.conversion_probability = 0.7
        record.save()
        sales = record.click("convert")
        sale = sales[0] if sales else one("sale.sale", [("origin", "=", f"sale.opportunity,{record.id}")])
        if fate == "licence":
            sale.invoice_method = "order"
        sale.sale_date = firm_clock.now().date()
        sale.reference = f"Offer {index + 1:02d}"
        sale.save()
        sale.click("quote")
        if won is not None and fate in ("delivered", "fresh", "licence"):
            story.on(at(won, 11, index % 50), lambda: win(sale.id))

    def win(sale: int) -> None:
        story.work_in(company)
        confirmed = Model.get("sale.sale")(sale)
        confirmed.click("confirm")
        if fate == "delivered":
            start = firm_clock.now().date() + DAY * rnd.randint(2, 14)
            story.on(at(start, 14), lambda: open_project(story, record.id, company, client, method, lines, index))

    def lose(button: str) -> None:
        story.work_in(company)
        record.reload()
        record.conversion_probability = 0.0
        if button == "lost":
            record.lost_reason = "Price"
        record.save()
        record.click(button)

    if fate == "lead":
        return
    story.on(at(today + DAY * (days // 4), 10), qualify)
    if fate == "opportunity":
        return
    if fate in ("lost", "cancelled"):
        story.on(at(won or today, 16), lambda: lose("lost" if fate == "lost" else "cancel"))
        return
    story.on(at(today + DAY * (days // 2), 15), offer)


def open_project(
    story: Story, deal: int, company: str, client: int, method: str, lines: list[tuple[str, int]], index: int
) -> None:
    """The project manager opens the project as Created, and some days later as Open."""
    story.work_in(company)
    work = Model.get("project.work")
    today = firm_clock.now().date()
    opportunity = Model.get("sale.opportunity")(deal)
    product = Model.get("product.product")
    record = work(name=opportunity.description, type="project", project_invoice_method=method)
    record.party = Model.get("party.party")(client)
    record.status = one("project.work.status", [("name", "=", "Created")])
    record.comment = f"[opp:{deal}]"
    record.timesheet_available = False

    def task(name: str, code: str, hours: int) -> None:
        child = record.children.new()
        child.name = name
        child.type = "task"
        child.timesheet_available = True
        child.product = product.find([("code", "=", code)])[0]
        child.list_price = child.product.template.list_price
        child.effort_duration = dt.timedelta(hours=hours)

    if method == "timesheet":
        for code, hours in lines:
            task("Senior work" if code.endswith("SEN") else "Consultant work", code, hours)
    elif method == "progress":
        for name, share in (("Design", 0.3), ("Build", 0.7)):
            task(name, lines[0][0], round(lines[0][1] * share))
    else:
        for part in range(6):
            task(f"Milestone {part + 1}", lines[0][0], lines[0][1] // 6)
    record.save()
    children = work.find([("parent", "=", record.id)], order=[("id", "ASC")])
    project = Project(
        record=record.id,
        company=company,
        method=method,
        tasks=[(child.timesheet_works[0].id, child.product.code) for child in children],
        work_ids=[child.id for child in children],
        opened=today + DAY * story.rnd.randint(1, 6),
        ends=today + DAY * story.rnd.randint(180, 240),
        approves_late=index == 16,
    )

    def start() -> None:
        story.work_in(company)
        here = work(project.record)
        here.status = one("project.work.status", [("name", "=", "Open")])
        here.save()
        story.projects.append(project)

    story.on(at(project.opened, 8, 30), start)


def book_week(story: Story, friday: dt.date) -> None:
    """People enter the week's hours on Friday; the approval follows on Tuesday, or much later where it is late."""
    rnd = story.rnd
    batches: dict[str, list[Any]] = {code: [] for code in story.companies}
    late: dict[str, list[bool]] = {code: [] for code in story.companies}
    for project in story.projects:
        if not project.opened <= friday <= project.ends:
            continue
        for _ in range(rnd.randint(2, 4)):
            task, code = rnd.choice(project.tasks)
            role = "Senior" if code.endswith(("SEN", "MIL")) else "Consultant"
            batches[project.company].append(
                {
                    "employee": rnd.choice(story.staff[project.company][role]),
                    "work": task,
                    "date": friday - DAY * rnd.randint(0, 4),
                    "duration": dt.timedelta(minutes=30 * rnd.randint(4, 17)),
                    "description": rnd.choice(("Workshop", "Analysis", "Build", "Review", "Steering", "Documentation")),
                }
            )
            late[project.company].append(project.approves_late)
    for code, rows in batches.items():
        if not rows:
            continue
        story.work_in(code)
        config = proteus_config.get_config()
        ids = config.get_proxy("timesheet.line").create(rows, config.context)
        slow = [i for i, is_late in zip(ids, late[code], strict=True) if is_late]
        normal = [i for i, is_late in zip(ids, late[code], strict=True) if not is_late]
        story.on(at(friday + DAY * 4, 10), partial(approve, story, code, normal, True))
        if slow:
            story.on(at(friday + DAY * 45, 10), partial(approve, story, code, slow, False))


def approve(story: Story, code: str, lines: list[int], may_reject: bool) -> None:
    """A note on each line says that it is approved; now and then one is sent back, corrected and approved later."""
    story.work_in(code)
    note = Model.get("ir.note")
    line = Model.get("timesheet.line")
    notes = []
    for number in lines:
        if may_reject and story.rnd.random() < 0.02:
            continue  # forgotten: it stays submitted
        rejected = may_reject and story.rnd.random() < 0.015
        notes.append(note(resource=line(number), message="Rejected: wrong number of hours" if rejected else "Approved"))
        if rejected:
            again = firm_clock.now().date() + DAY * 2
            story.on(at(again, 9), partial(correct, story, code, number))
    note.save(notes)


def correct(story: Story, code: str, number: int) -> None:
    """The hours of a rejected line are set right, and the line is approved."""
    story.work_in(code)
    line = Model.get("timesheet.line")(number)
    line.duration = max(line.duration - dt.timedelta(hours=1), dt.timedelta(minutes=30))
    line.save()
    Model.get("ir.note")(resource=line, message="Approved").save()


def bill_month(story: Story, month_end: dt.date) -> None:
    """What was finished and worked by the end of the month is invoiced and posted, company by company."""
    work = Model.get("project.work")
    invoice = Model.get("account.invoice")
    rnd = story.rnd
    for code in story.companies:
        story.work_in(code)
        today = firm_clock.now().date()
        for project in [p for p in story.projects if p.company == code and p.opened <= month_end]:
            record = work(project.record)
            if project.method == "timesheet":
                if project.approves_late and month_end.month % 3:
                    continue
                record.project_invoice_timesheet_up_to = month_end - (DAY * 46 if project.approves_late else DAY * 4)
                record.save()
            elif project.method == "progress":
                project.progress = min(1.0, round(project.progress + rnd.choice((0.1, 0.15, 0.2)), 2))
                tasks = [work(number) for number in project.work_ids]
                for child in tasks:
                    child.progress = project.progress
                work.save(tasks)
            elif project.done < len(project.work_ids) and rnd.random() < 0.85:
                child = work(project.work_ids[project.done])
                child.progress = 1.0
                child.save()
                project.done += 1
            record.reload()
            if record.amount_to_invoice:
                record.click("invoice")
        drafts = invoice.find(
            [("type", "=", "out"), ("state", "=", "draft"), ("company", "=", story.companies[code].id)],
            order=[("id", "ASC")],
        )
        if not drafts:
            continue
        last = month_end + DAY * 32 > story.end.date()
        for draft in drafts:
            draft.invoice_date = today
        invoice.save(drafts)
        # The latest run leaves one draft behind: it waits for the controller.
        chosen = drafts[:-1] if last and len(drafts) > 1 else drafts
        invoice.click(chosen, "post")
        for posted in chosen:
            plan_cash(story, code, posted.id, today)


def plan_cash(story: Story, code: str, number: int, posted: dt.date) -> None:
    """Most invoices are paid, some in part, a few credited, a few stay open."""
    story.billed += 1
    rnd = story.rnd
    if story.billed % 29 == 11:
        story.on(at(posted + DAY * rnd.randint(8, 20), 13), lambda: credit(story, code, number))
    elif story.billed % 9 == 4:
        story.on(at(posted + DAY * rnd.randint(20, 40), 12), lambda: pay(story, code, number, Decimal("0.6")))
        if story.billed % 2:
            story.on(at(posted + DAY * rnd.randint(45, 60), 12), lambda: pay(story, code, number, None))
    elif story.billed % 7:
        story.on(at(posted + DAY * rnd.randint(18, 50), 12), lambda: pay(story, code, number, None))


def pay(story: Story, code: str, number: int, share: Decimal | None) -> None:
    """The pay wizard: everything that is open, or a share of it."""
    story.work_in(code)
    invoice = Model.get("account.invoice")(number)
    if invoice.state != "posted" or not invoice.amount_to_pay:
        return
    wizard = invoice.click("pay")
    wizard.form.payment_method = one("account.invoice.payment.method", [("company", "=", story.companies[code].id)])
    wizard.form.date = firm_clock.now().date()
    # The wizard proposes what is due today, which is negative once a part was paid before the due date.
    wizard.form.amount = (invoice.amount_to_pay * (share or 1)).quantize(Decimal("0.01"))
    wizard.execute("choice")
    if wizard.state != "end":
        wizard.form.type = "partial"
        wizard.execute("pay")


def credit(story: Story, code: str, number: int) -> None:
    """The credit wizard with refund: the invoice is cancelled by a credit note of the same amount."""
    story.work_in(code)
    invoice = Model.get("account.invoice")(number)
    if invoice.state != "posted":
        return
    wizard = Wizard("account.invoice.credit", [invoice])
    wizard.form.with_refund = True
    wizard.form.invoice_date = firm_clock.now().date()
    wizard.execute("credit")


def close_books(story: Story, until: dt.date) -> None:
    """Finance closes every period that ended by `until`."""
    period = Model.get("account.period")
    for code, company in story.companies.items():
        story.work_in(code)
        due = period.find(
            [("end_date", "<=", until), ("state", "=", "open"), ("fiscalyear.company", "=", company.id)],
            order=[("start_date", "ASC")],
        )
        if due:
            period.click(due, "close")


def plan_routine(story: Story) -> None:
    """The weekly and monthly rhythm of the whole year."""
    day = story.start
    while day <= story.end.date():
        if day.weekday() == 4:
            story.on(at(day, 17), partial(book_week, story, day))
        following = day + DAY
        if following.day == 1:
            story.on(at(following + DAY * 2, 9), partial(bill_month, story, day))
            story.on(at(following + DAY * 7, 18), partial(close_books, story, day))
        day = following


def skip_paper(config: Any) -> None:
    """Invoices are not printed: a tenth of the time, and nobody reads them."""
    invoice = config.pool.get("account.invoice")
    invoice.print_invoice = classmethod(lambda *_: None)


def main(uri: str, config_file: str, end: dt.datetime) -> None:
    """Live the year that ends at `end`."""
    start = (end.date().replace(day=1) - dt.timedelta(days=365)).replace(day=1)
    firm_clock.install(config_file)
    firm_clock.set_to(dt.datetime.combine(start - DAY * 90, dt.time(8)))
    config = proteus_config.set_trytond(uri, config_file=config_file)
    config.skip_warning = True
    skip_paper(config)
    # Records are short-lived and many; the default collects all the time.
    gc.set_threshold(100_000, 50, 100)
    story = Story(start, end)
    for company in Model.get("company.company").find([], order=[("id", "ASC")]):
        story.companies[company.party.code] = company
    for code, company in story.companies.items():
        story.work_in(code)
        roles: dict[str, list[int]] = {}
        for employee in Model.get("company.employee").find([("company", "=", company.id)], order=[("id", "ASC")]):
            roles.setdefault(employee.party.categories[0].name, []).append(employee.id)
        story.staff[code] = roles
    meet_clients(story)
    plan_deals(story)
    plan_routine(story)
    close_books(story, start - DAY)
    story.live()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], dt.datetime.fromisoformat(sys.argv[3]))
