"""Master data of the demo firm in a fresh Tryton: what exists before the first deal. Runs inside Tryton's environment.

usage: setup_master.py DATABASE_URI CONFIG_FILE TODAY PASSWORD_OF_THE_INTEGRATION_USER

Two companies (DE01 in EUR, US01 in USD) with chart of accounts, tax, terms, fiscal years of last year and this one;
products by service line, way of billing and seniority; employees with costs; states of a project; the user that the
platform logs in with. Customers and everything that happens later belong to year_of_business.py.
"""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

import firm_clock
from proteus import Model, Wizard
from proteus import config as proteus_config

COMPANIES = (
    ("DE01", "Nordlicht Beratung GmbH", "EUR", "DE", "Europe/Berlin", Decimal("0.19")),
    ("US01", "Northlight Consulting Inc.", "USD", "US", "America/New_York", Decimal("0.07")),
)

# code, name, service line, way of billing, unit, price in the company's currency
PRODUCTS = (
    ("STRAT-SEN", "Strategy, senior hour", "Strategy", "Time and materials", "Hour", "220"),
    ("STRAT-CON", "Strategy, consultant hour", "Strategy", "Time and materials", "Hour", "160"),
    ("ENG-SEN", "Engineering, senior hour", "Engineering", "Time and materials", "Hour", "180"),
    ("ENG-CON", "Engineering, consultant hour", "Engineering", "Time and materials", "Hour", "130"),
    ("ENG-FIX", "Engineering at a fixed price, hour", "Engineering", "Fixed fee", "Hour", "140"),
    ("STRAT-MIL", "Strategy by milestone, hour", "Strategy", "Milestone", "Hour", "200"),
    ("LIC-STD", "Software licence, year", "Licences", "Product", "Unit", "4800"),
)

# first name, last name, category, company; the first of a company leads the others
EMPLOYEES = (
    ("Greta", "Albers", "Partner", "DE01"),
    ("Jonas", "Brandt", "Manager", "DE01"),
    ("Mira", "Classen", "Manager", "DE01"),
    ("Ole", "Dierks", "Senior", "DE01"),
    ("Pia", "Ehlers", "Senior", "DE01"),
    ("Rolf", "Franke", "Senior", "DE01"),
    ("Sina", "Gerdes", "Consultant", "DE01"),
    ("Timo", "Harms", "Consultant", "DE01"),
    ("Ulla", "Ivens", "Consultant", "DE01"),
    ("Veit", "Jansen", "Consultant", "DE01"),
    ("Alice", "Keller", "Partner", "US01"),
    ("Brian", "Lopez", "Manager", "US01"),
    ("Carla", "Mason", "Senior", "US01"),
    ("Derek", "Nolan", "Consultant", "US01"),
    ("Emily", "Owens", "Consultant", "US01"),
)
COST = {"Partner": 140, "Manager": 105, "Senior": 85, "Consultant": 62}
INTEGRATION_LOGIN = "throughline"


def one(model: str, domain: list[Any]) -> Any:
    """The first record of `model` in `domain`, by id."""
    return Model.get(model).find(domain, limit=1, order=[("id", "ASC")])[0]


def use_company(company: Any) -> None:
    """Work in `company` from here on, as a person does who switches company in the client's menu."""
    proteus_config.get_config().set_context(
        company=company.id, companies=[company.id], employee=None, company_filter="one", _log=True
    )


def set_up_currencies(months: list[dt.date]) -> None:
    """EUR is the base; USD has one rate a month."""
    currency = Model.get("currency.currency")
    rate = Model.get("currency.currency.rate")
    for code, name, symbol in (("EUR", "Euro", "€"), ("USD", "U.S. Dollar", "$")):
        record = currency(name=name, symbol=symbol, code=code, rounding=Decimal("0.01"))
        record.save()
        if code == "EUR":
            rate(date=dt.date(2000, 1, 1), rate=Decimal(1), currency=record).save()
        else:
            for index, month in enumerate(months):
                value = Decimal("1.08") + Decimal(index % 5) / 100
                rate(date=month, rate=value, currency=record).save()


def set_up_company(code: str, name: str, currency: str, country: str, zone: str) -> Any:
    """One legal entity; its party's code is the business code."""
    party = Model.get("party.party")(name=name, code=code)
    address = party.addresses[0] if party.addresses else party.addresses.new()
    address.country = one("country.country", [("code", "=", country)])
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    wizard.form.currency = one("currency.currency", [("code", "=", currency)])
    wizard.form.timezone = zone
    wizard.execute("add")
    return one("company.company", [("party", "=", party.id)])


def set_up_books(company: Any, rate: Decimal, years: list[int]) -> dict[str, Any]:
    """Chart of accounts, tax, fiscal years with monthly periods, way of payment."""
    from trytond.modules.account.tests import tools

    tools.create_chart(company=company)
    accounts = tools.get_accounts(company=company)
    tax = tools.create_tax(rate, company=company)
    tax.save()
    sequence_type = {name: one("ir.sequence.type", [("name", "=", name)]) for name in ("Account Move", "Invoice")}
    for year in years:
        label = f"{company.party.code} {year}"
        sequences = {}
        for name, kind in sequence_type.items():
            sequence = Model.get("ir.sequence.strict")(name=f"{label} {name}", sequence_type=kind, company=company)
            if name == "Invoice":
                sequence.prefix = f"{company.party.code}-{year}-"
                sequence.padding = 5
            sequence.save()
            sequences[name] = sequence
        fiscal_year = Model.get("account.fiscalyear")(name=label, company=company)
        fiscal_year.start_date = dt.date(year, 1, 1)
        fiscal_year.end_date = dt.date(year, 12, 31)
        fiscal_year.move_sequence = sequences["Account Move"]
        (row,) = fiscal_year.invoice_sequences
        for field in ("out_invoice", "out_credit_note", "in_invoice", "in_credit_note"):
            setattr(row, f"{field}_sequence", sequences["Invoice"])
        fiscal_year.save()
        fiscal_year.click("create_period")
    Model.get("account.invoice.payment.method")(
        name=f"Bank transfer {company.party.code}",
        company=company,
        journal=one("account.journal", [("type", "=", "cash")]),
        credit_account=accounts["cash"],
        debit_account=accounts["cash"],
    ).save()
    configuration = Model.get("sale.configuration")(1)
    # Projects bill the work; a sale bills by itself only where the seller says so.
    configuration.sale_invoice_method = "manual"
    configuration.save()
    return {"accounts": accounts, "tax": tax}


def set_up_products(books: dict[str, dict[str, Any]], companies: dict[str, Any]) -> None:
    """One product a service line, way of billing and seniority; accounts and prices for each company."""
    category = Model.get("product.category")
    billing = {}
    for name in dict.fromkeys(row[3] for row in PRODUCTS):
        billing[name] = category(name=name)
        billing[name].save()
    lines: dict[str, Any] = {}
    for name in dict.fromkeys(row[2] for row in PRODUCTS):
        lines[name] = category(name=name, accounting=True)
        lines[name].save()
    templates: dict[str, Any] = {}
    for code, company in companies.items():
        use_company(company)
        for record in lines.values():
            here = category(record.id)
            here.account_revenue = books[code]["accounts"]["revenue"]
            here.account_expense = books[code]["accounts"]["expense"]
            here.save()
        for product_code, name, line, way, unit, price in PRODUCTS:
            if product_code not in templates:
                template = Model.get("product.template")(
                    name=name,
                    type="service",
                    salable=True,
                    default_uom=one("product.uom", [("name", "=", unit)]),
                )
                template.code = product_code
                template.account_category = category(lines[line].id)
                template.categories.append(category(billing[way].id))
            else:
                template = Model.get("product.template")(templates[product_code].id)
            template.list_price = Decimal(price)
            template.save()
            templates[product_code] = template
    # Choosing an account resets the taxes, so they come last.
    for record in lines.values():
        here = category(record.id)
        for book in books.values():
            here.customer_taxes.append(Model.get("account.tax")(book["tax"].id))
        here.save()


def set_up_people(companies: dict[str, Any], start: dt.date) -> None:
    """Employees with their category (the role), cost and leader."""
    category = Model.get("party.category")
    roles = {}
    for name in COST:
        roles[name] = category(name=name)
        roles[name].save()
    leads: dict[str, Any] = {}
    for number, (first, last, role, code) in enumerate(EMPLOYEES, start=1):
        use_company(companies[code])
        party = Model.get("party.party")(name=f"{first} {last}", code=f"E{number:03d}")
        party.categories.append(category(roles[role].id))
        party.contact_mechanisms.new(type="email", value=f"{first}.{last}@northlight.example".lower())
        party.save()
        employee = Model.get("company.employee")(party=party, company=companies[code])
        employee.start_date = start - dt.timedelta(days=400 - number * 9)
        if code in leads:
            employee.supervisor = leads[code]
        employee.cost_prices.new(cost_price=Decimal(COST[role]), date=start - dt.timedelta(days=400))
        employee.save()
        leads.setdefault(code, employee)


def set_up_states() -> None:
    """A project is Created, then Open (time can be booked), maybe On Hold, at last Done (Tryton's own Done)."""
    status = Model.get("project.work.status")
    for name in ("Created", "On Hold"):
        status(name=name, types=["project"]).save()


def set_up_terms() -> None:
    """Payment terms with their days."""
    for name, days in (("Net 14", 14), ("Net 30", 30), ("Net 45", 45)):
        term = Model.get("account.invoice.payment_term")(name=name)
        line = term.lines.new(type="remainder")
        line.relativedeltas.new(days=days)
        term.save()


def set_up_users(companies: dict[str, Any], password: str) -> None:
    """The clerk who does the year's work (admin) and the platform's own user, both in both companies."""
    user = Model.get("res.user")
    clerk = one("res.user", [("login", "=", "admin")])
    integration = user(name="Throughline", login=INTEGRATION_LOGIN, password=password)
    for group in Model.get("res.group").find([]):
        integration.groups.append(group)
    for person in (clerk, integration):
        have = {company.id for company in person.companies}
        for company in companies.values():
            if company.id not in have:
                person.companies.append(Model.get("company.company")(company.id))
        person.company = Model.get("company.company")(companies["DE01"].id)
        person.company_filter = "all"
        person.save()


def main(uri: str, config_file: str, today: dt.date, password: str) -> None:
    """Set up everything, dated some weeks before the year of business begins."""
    start = (today.replace(day=1) - dt.timedelta(days=365)).replace(day=1)
    months = [dt.date(start.year + (start.month - 1 + n) // 12, (start.month - 1 + n) % 12 + 1, 1) for n in range(16)]
    firm_clock.install(config_file)
    firm_clock.set_to(dt.datetime.combine(start - dt.timedelta(days=100), dt.time(8)))
    config = proteus_config.set_trytond(uri, config_file=config_file)
    config.skip_warning = True
    set_up_currencies([month for month in months if month <= today])
    for code in ("DE", "US", "AT", "FR", "NL"):
        names = {"DE": "Germany", "US": "United States", "AT": "Austria", "FR": "France", "NL": "Netherlands"}
        Model.get("country.country")(name=names[code], code=code).save()
    companies = {row[0]: set_up_company(*row[:5]) for row in COMPANIES}
    set_up_users(companies, password)
    books = {}
    for code, *_, rate in COMPANIES:
        use_company(companies[code])
        books[code] = set_up_books(companies[code], rate, list(range(start.year - 1, today.year + 1)))
    set_up_terms()
    set_up_products(books, companies)
    set_up_people(companies, start)
    set_up_states()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], dt.date.fromisoformat(sys.argv[3]), sys.argv[4])
