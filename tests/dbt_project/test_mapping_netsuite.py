"""NetSuite's staging and mapping on data that was really read from the fake account, compared with the firm's truth.

What belongs here: columns, types, signs, references and versions of one system. Numbers of the KPIs are elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from common.clock import ManualClock
from common.settings import Settings
from ingestion.pipeline import load
from ingestion.sources.netsuite import SOURCE
from sandbox.firm import build
from sandbox.project import kantata, salesforce
from sandbox.project.netsuite import History, gross_amount, native_id, tax_amount
from sandbox.server import Fake
from sandbox.truth import Truth
from systems.netsuite.client import Client
from systems.netsuite.settings import NetSuiteSettings

PROJECT = Path(__file__).parents[2] / "dbt_project"
NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=14)
SYSTEMS = ["salesforce", "kantata", "netsuite", "bamboohr"]


class Model:
    """The built mapping and the truth behind it."""

    def __init__(self, truth: Truth, connection: duckdb.DuckDBPyConnection) -> None:
        self.truth, self._connection = truth, connection
        links = History(LATER)
        customers = {c.id: c for c in truth.customers}
        works = {p.id: p for p in truth.projects}
        spoiled = {d.record_id for d in truth.defects if d.system == "netsuite"}
        # What the account can hold: documents of known customers and projects.
        self.invoices = {
            native_id("invoice", i.id): i
            for i in truth.invoices
            if i.created_at <= LATER and links.customer(customers[i.customer_id]) and links.project(works[i.project_id])
        }
        self.sound = {key: i for key, i in self.invoices.items() if i.id not in spoiled}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def records(self, entity: str) -> dict[str, dict[str, Any]]:
        cursor = self._connection.execute(f"select * from mapping.map_{entity}__netsuite")
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        by_id = {row["source_id"]: row for row in found}
        assert len(by_id) == len(found)
        return by_id


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    folder = tmp_path_factory.mktemp("netsuite")
    truth = build(NOW, 11, 0.2)
    clock = ManualClock(NOW)
    config = Settings(state_dir=folder, firm="sandbox")
    fake = Fake("netsuite", folder / "account.db", clock)
    try:
        fake.fill(truth)
        fake.start()
        given = fake.module.environment(fake.url)
        values = {k.removeprefix("THROUGHLINE_NETSUITE_").lower(): v for k, v in given.items()}
        client = Client(NetSuiteSettings(**values), clock, lambda _: None)
        employee = {"id": native_id("employee", truth.resources[0].id)}
        hours = {"employee": employee, "subsidiary": {"id": "2"}, "tranDate": "2026-10-09", "hours": 7.25}
        client.upsert("timebill", "kantata_700000001", {**hours, "rate": 140.5, "isBillable": True})
        load(SOURCE, config, clock, reader=client)
        fake.live(truth, NOW, LATER)
        clock.advance(LATER - NOW)
        client.upsert("timebill", "kantata_700000001", {"hours": 6.5})
        load(SOURCE, config, clock, reader=client)
    finally:
        fake.stop()
    _dbt(folder, config.warehouse)
    connection = duckdb.connect(str(config.warehouse), read_only=True)
    yield Model(truth, connection)
    connection.close()


def _dbt(folder: Path, warehouse: Path) -> None:
    """Build NetSuite's staging and mapping with their tests, in a copy of the project that has nothing above them.
    The process lives in New York: instants must not depend on the machine's time zone.
    """
    ignored = shutil.ignore_patterns("target", "logs", "canonical", "kpi", "sync", "tests", "seeds")
    project = Path(shutil.copytree(PROJECT, folder / "dbt", ignore=ignored))
    for other in (p for p in (project / "models" / "staging").iterdir() if p.is_dir() and p.name != "netsuite"):
        shutil.rmtree(other)
    for path in (project / "models" / "mapping").glob("*/*.sql"):
        if not path.stem.endswith("__netsuite"):
            path.unlink()
    connection = duckdb.connect(str(warehouse))
    connection.execute("create schema if not exists quality")
    connection.execute(
        "create table if not exists quality.quarantine (system varchar, table_name varchar, instance varchar, "
        "source_id varchar, record_hash varchar, rule varchar, reason varchar, amount decimal(18, 4), "
        "currency varchar, detected_at timestamp, load_id varchar)"
    )
    connection.close()
    declared = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "build",
            "--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(folder / "target"),
            "--log-path", str(folder / "logs"), "--vars", yaml.safe_dump({**declared, "systems": SYSTEMS}),
        ],
        env={
            **os.environ, "THROUGHLINE_WAREHOUSE": str(warehouse), "TZ": "America/New_York",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def naive(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC).replace(tzinfo=None, microsecond=0) if at else None


def test_documents_have_the_money_and_the_links_of_the_truth(model: Model) -> None:
    found = model.records("invoice")
    assert set(found) == set(model.invoices)
    for key, invoice in model.sound.items():
        row = found[key]
        posted = invoice.posted_at is not None and invoice.posted_at <= LATER
        assert row["net_amount"] == invoice.net_amount
        assert row["tax_amount"] == tax_amount(invoice)
        assert row["gross_amount"] == gross_amount(invoice)
        assert row["document_type"] == invoice.document_type
        assert row["currency"] == invoice.currency
        assert row["legal_entity_source_id"] == native_id("subsidiary", invoice.legal_entity_id)
        assert row["invoice_date"] == invoice.invoice_date
        assert row["posted_at"] == (naive(invoice.posted_at) if posted else None)
        assert row["posting_period"] == (invoice.posting_period if posted else None)
        assert row["number"] == (invoice.number if posted else None)
        assert (row["status"] == "draft") == (not posted)
        assert row["contract_ref"] == f"salesforce:{salesforce.native_id('contract', invoice.contract_id)}"
        assert row["project_ref"] == f"kantata:{kantata.native_id('project', invoice.project_id)}"
        assert row["corrects_source_id"] == (native_id("invoice", invoice.corrects_id) if invoice.corrects_id else None)
        assert row["credit_reason"] == invoice.credit_reason
        assert row["created_at"] == naive(invoice.created_at)
    assert {row["document_type"] for row in found.values()} == {"invoice", "credit_memo"}
    assert any(row["rebill_of_source_id"] for row in found.values())


def test_open_amounts_and_states_follow_payments_and_credits(model: Model) -> None:
    paid: dict[str, Decimal] = defaultdict(Decimal)
    credited: dict[str, Decimal] = defaultdict(Decimal)
    for payment in model.truth.payments:
        if payment.applied_at <= LATER:
            paid[native_id("invoice", payment.invoice_id)] += payment.amount
    for memo in model.invoices.values():
        if memo.corrects_id and memo.posted_at and memo.posted_at <= LATER:
            credited[native_id("invoice", memo.corrects_id)] -= gross_amount(memo)
    states = defaultdict(int)
    for key, row in model.records("invoice").items():
        invoice = model.sound.get(key)
        if invoice is None or invoice.document_type != "invoice" or row["status"] == "draft":
            continue
        left = max(gross_amount(invoice) - paid[key] - credited[key], Decimal(0))
        assert row["open_amount"] == left, invoice.id
        expected = (
            "posted" if left == gross_amount(invoice)
            else "partly_paid" if left
            else "paid" if paid[key]
            else "credited"
        )  # fmt: skip
        assert row["status"] == expected, invoice.id
        states[expected] += 1
    assert set(states) == {"posted", "partly_paid", "paid", "credited"}


def test_lines_are_revenue_with_its_sign_turned(model: Model) -> None:
    wanted = {(key, line.line_no): (line, invoice) for key, invoice in model.sound.items() for line in invoice.lines}
    found = {
        (row["invoice_source_id"], row["line_no"]): row
        for row in model.records("invoice_line").values()
        if row["invoice_source_id"] in model.sound
    }
    assert set(found) == set(wanted)
    for key, (line, _) in wanted.items():
        row = found[key]
        assert (row["net_amount"], row["quantity"], row["line_type"]) == (
            line.net_amount, line.quantity, line.line_type,
        )  # fmt: skip
        assert row["time_entry_ref"] == (
            f"kantata:{kantata.native_id('time_entry', line.time_entry_id)}" if line.time_entry_id else None
        )
        assert row["milestone_ref"] == (
            f"kantata:{kantata.native_id('milestone', line.milestone_id)}" if line.milestone_id else None
        )


def test_payments_are_money_only(model: Model) -> None:
    wanted = {
        (native_id("invoice", p.invoice_id), naive(p.applied_at), p.amount, p.received_date, p.currency)
        for p in model.truth.payments
        if p.applied_at <= LATER and native_id("invoice", p.invoice_id) in model.invoices
    }
    found = {
        (r["invoice_source_id"], r["applied_at"], r["amount"], r["received_date"], r["currency"])
        for r in model.records("payment").values()
    }
    assert found == wanted


def test_periods_close_by_entity_and_keep_the_hour(model: Model) -> None:
    found = {(r["legal_entity_source_id"], r["period"]): r for r in model.records("accounting_period").values()}
    assert len(found) == len(model.truth.periods)
    for period in model.truth.periods:
        row = found[native_id("subsidiary", period.legal_entity_id), period.month]
        closed = period.closed_at is not None and period.closed_at <= LATER
        assert row["status"] == ("closed" if closed else "open")
        assert row["closed_at"] == (naive(period.closed_at) if closed else None)
        assert (row["start_date"], row["end_date"]) == (period.start_date, period.end_date)


def test_rates_are_those_of_the_truth(model: Model) -> None:
    months = {period.month for period in model.truth.periods}
    wanted = {
        (r.from_currency, r.to_currency, r.rate_type, r.rate_date, r.rate)
        for r in model.truth.fx_rates
        if (r.rate_type == "spot" and r.rate_date <= LATER.date())
        or (r.rate_type == "closing" and r.rate_date < LATER.date() and f"{r.rate_date:%Y-%m}" in months)
    }
    found = {
        (r["from_currency"], r["to_currency"], r["rate_type"], r["rate_date"], r["rate"])
        for r in model.records("fx_rate").values()
    }
    assert found == wanted


def test_customers_and_their_companies(model: Model) -> None:
    found = model.records("customer")
    known = {native_id("customer", c.id): c for c in model.truth.customers if c.known_to_erp_at}
    assert set(found) == set(known)
    for key, customer in known.items():
        row = found[key]
        assert row["external_ref"] == f"salesforce:{salesforce.native_id('account', customer.id)}"
        assert (row["name"], row["legal_name"], row["country"]) == (
            customer.name, customer.legal_name, customer.country,
        )  # fmt: skip
        assert (row["domain"], row["currency"], row["credit_hold"]) == (customer.domain, customer.currency, False)
    accounts = model.records("billing_account").values()
    assert {r["customer_source_id"] for r in accounts} == set(known)
    for row in accounts:
        customer = known[row["customer_source_id"]]
        assert row["payment_terms_days"] == customer.payment_terms_days
    entities = {r["code"]: r for r in model.records("legal_entity").values()}
    for entity in model.truth.legal_entities:
        row = entities[entity.id]
        assert (row["functional_currency"], row["time_zone"]) == (entity.currency, entity.time_zone)


def test_schedules_refer_to_deal_project_and_contract(model: Model) -> None:
    found = {r["external_id"]: r for r in model.records("billing_schedule").values()}
    assert found
    deals = {salesforce.native_id("opportunity", d.id): d for d in model.truth.opportunities}
    for key, row in found.items():
        deal = deals[row["opportunity_ref"].removeprefix("salesforce:")]
        assert key == f"opp_{row['opportunity_ref'].removeprefix('salesforce:')}_1"
        assert row["name"] == deal.name
        assert row["project_ref"].startswith("kantata:")
        assert row["status"] == "Active"


def test_pushed_hours_know_their_origin_and_keep_their_versions(model: Model) -> None:
    rows = model.rows(
        "select external_ref, hours, known_from, known_to, currency, status, bill_rate, resource_ref "
        "from mapping.map_time_entry__netsuite order by known_from"
    )
    mail = model.truth.resources[0].email
    first, second = rows
    assert first == (
        "kantata:700000001", Decimal("7.25"), naive(NOW), naive(LATER), "USD", "approved", Decimal("140.5"), mail,
    )  # fmt: skip
    assert second[:4] == ("kantata:700000001", Decimal("6.5"), naive(LATER), None)
