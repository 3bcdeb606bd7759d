"""Salesforce's staging and mapping on data that was really read from the fake org, compared with the firm's truth.

What belongs here: columns, types, references and versions of one system. Numbers of the KPIs are elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
from ingestion.sources.salesforce import SOURCE
from sandbox.fakes.salesforce_objects import OBJECTS
from sandbox.fakes.salesforce_records import Records
from sandbox.firm import build
from sandbox.project import kantata, netsuite
from sandbox.project.salesforce import native_id
from sandbox.server import Fake
from sandbox.truth import Truth
from systems.salesforce.client import Client
from systems.salesforce.settings import SalesforceSettings

PROJECT = Path(__file__).parents[2] / "dbt_project"
NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=21)
SYSTEMS = ["salesforce", "kantata", "netsuite", "bamboohr"]


class Model:
    """The built mapping and the truth behind it."""

    def __init__(self, truth: Truth, merged: tuple[str, str], connection: duckdb.DuckDBPyConnection) -> None:
        self.truth, self.merged, self._connection = truth, merged, connection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    def records(self, entity: str) -> dict[str, dict[str, Any]]:
        cursor = self._connection.execute(f"select * from mapping.map_{entity}__salesforce")
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        by_id = {row["source_id"]: row for row in found}
        assert len(by_id) == len(found)
        return by_id


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    folder = tmp_path_factory.mktemp("salesforce")
    truth = build(NOW, 11, 0.2)
    clock = ManualClock(NOW)
    config = Settings(state_dir=folder, firm="sandbox")
    fake = Fake("salesforce", folder / "org.db", clock)
    try:
        fake.fill(truth)
        fake.start()
        given = fake.module.environment(fake.url)
        values = {k.removeprefix("THROUGHLINE_SALESFORCE_").lower(): v for k, v in given.items()}
        client = Client(SalesforceSettings(**values), clock, lambda _: None)
        merged = _merge(fake, clock)
        status = {"Invoice_Key__c": "netsuite:1", "Net_Amount__c": 10.25, "Posted_At__c": "2026-10-01T22:30:00Z"}
        client.write("Invoice_Status__c", [status], "Invoice_Key__c")
        load(SOURCE, config, clock, reader=client)
        fake.live(truth, NOW, LATER)
        clock.advance(LATER - NOW)
        load(SOURCE, config, clock, reader=client)
    finally:
        fake.stop()
    _dbt(folder, config.warehouse)
    connection = duckdb.connect(str(config.warehouse), read_only=True)
    yield Model(truth, merged, connection)
    connection.close()


def _merge(fake: Fake, clock: ManualClock) -> tuple[str, str]:
    """Two accounts for one client, merged in the org: the loser goes to the recycle bin and names the winner."""
    winner = native_id("account", fake.store.select("Account", limit=1)[0].record["AccountNumber"])
    loser = Records(fake.store, clock).create(OBJECTS["Account"], {"Name": "Twin", "BillingCountryCode": "DE"})
    held = fake.store.get("Account", loser)
    assert held is not None
    fake.store.put("Account", loser, {**held.record, "MasterRecordId": winner}, clock.now())
    Records(fake.store, clock).delete(OBJECTS["Account"], loser)
    return loser, winner


def _dbt(folder: Path, warehouse: Path) -> None:
    """Build Salesforce's staging and mapping with their tests, in a copy of the project that has nothing above them.
    The process lives in New York: instants must not depend on the machine's time zone.
    """
    ignored = shutil.ignore_patterns("target", "logs", "canonical", "kpi", "sync", "tests")
    project = Path(shutil.copytree(PROJECT, folder / "dbt", ignore=ignored))
    for other in (p for p in (project / "models" / "staging").iterdir() if p.is_dir() and p.name != "salesforce"):
        shutil.rmtree(other)
    for path in (project / "models" / "mapping").glob("*/*.sql"):
        if not path.stem.endswith("__salesforce"):
            path.unlink()
    connection = duckdb.connect(str(warehouse))
    connection.execute("create schema quality")
    connection.execute(
        "create table quality.quarantine (system varchar, table_name varchar, instance varchar, source_id varchar, "
        "record_hash varchar, rule varchar, reason varchar, amount decimal(18, 4), currency varchar, "
        "detected_at timestamp, load_id varchar)"
    )
    connection.close()
    variables = {"systems": SYSTEMS, "now": LATER.strftime("%Y-%m-%dT%H:%M:%S")}
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "--quiet", "build", "--exclude", "test_type:unit",
            "--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(folder / "target"),
            "--log-path", str(folder / "logs"), "--vars", yaml.safe_dump(variables),
        ],
        env={
            **os.environ,
            "THROUGHLINE_WAREHOUSE": str(warehouse),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TZ": "America/New_York",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def naive(at: datetime | None) -> datetime | None:
    """An instant as the warehouse keeps it: UTC without a zone, to the millisecond that Salesforce has."""
    if at is None:
        return None
    utc = at.astimezone(UTC).replace(tzinfo=None)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def test_customers(model: Model) -> None:
    found = model.records("customer")
    known = [c for c in model.truth.customers if c.created_at <= LATER]
    assert len(found) == len(known) + 1
    broken = {d.record_id for d in model.truth.defects if d.rule == "account_country_known"}
    for customer in known:
        row = found[native_id("account", customer.id)]
        names = [customer.name] + [name for when, name in customer.renamed if when <= LATER]
        assert row["name"] == names[-1]
        assert row["legal_name"] == customer.legal_name
        assert row["domain"] == customer.domain
        assert row["tax_registration_id"] == customer.tax_id
        assert row["account_owner"] == customer.owner_email.lower()
        assert row["created_at"] == naive(customer.created_at)
        assert (row["country"] == customer.country) is (customer.id not in broken)
        in_erp = customer.known_to_erp_at is not None and customer.known_to_erp_at <= LATER
        in_psa = customer.known_to_psa_at is not None and customer.known_to_psa_at <= LATER
        expected = f"netsuite:{netsuite.native_id('customer', customer.id)}" if in_erp else None
        if expected is None and in_psa:
            expected = f"kantata:{kantata.native_id('customer', customer.id)}"
        assert row["external_ref"] == expected


def test_a_merged_account_is_deleted_and_names_its_survivor(model: Model) -> None:
    loser, winner = model.merged
    found = model.records("customer")
    assert (found[loser]["is_deleted"], found[loser]["merged_into_source_id"]) == (True, winner)
    assert (found[winner]["is_deleted"], found[winner]["merged_into_source_id"]) == (False, None)


def test_deals_as_they_are_later(model: Model) -> None:
    found = model.records("opportunity")
    known = [d for d in model.truth.opportunities if d.created_at <= LATER and d.stages[0].at <= LATER]
    assert len(found) == len(known)
    broken = {d.record_id for d in model.truth.defects if d.rule == "opportunity_amount_present"}
    served = {p.opportunity_id: p for p in model.truth.projects if p.created_at is not None and p.created_at <= LATER}
    for deal in known:
        row = found[native_id("opportunity", deal.id)]
        last = [event for event in deal.stages if event.at <= LATER][-1]
        assert row["stage"] == last.stage
        assert row["is_won"] is (last.stage == "closed_won")
        assert row["amount"] == (None if deal.id in broken else last.amount)
        assert row["expected_close_date"] == last.expected_close
        assert (row["currency"], row["legal_entity_code"]) == (deal.currency, deal.legal_entity_id)
        assert (row["is_services"], row["billing_method"]) == (deal.is_services, deal.billing_method)
        approved = deal.contract_approved_at
        assert row["contract_approved_at"] == naive(approved if approved and approved <= LATER else None)
        project = served.get(deal.id)
        expected = f"kantata:{kantata.native_id('project', project.id)}" if project else None
        assert row["project_ref"] == expected
        assert row["customer_source_id"] == native_id("account", deal.customer_id)
        assert row["source_url"].endswith(f".my.salesforce.com/{row['source_id']}")


def test_every_change_of_a_deal_is_one_event(model: Model) -> None:
    found = sorted(
        (row["opportunity_source_id"], row["occurred_at"], row["stage"], row["is_won"], row["probability"])
        for row in model.records("opportunity_stage_event").values()
    )
    expected = sorted(
        (native_id("opportunity", d.id), naive(e.at), e.stage, e.stage == "closed_won", e.probability)
        for d in model.truth.opportunities
        if d.created_at <= LATER
        for e in d.stages
        if e.at <= LATER
    )
    assert found == expected


def test_contracts_lines_and_amendments(model: Model) -> None:
    contracts, lines = model.records("contract"), model.records("contract_line")
    signed = [c for c in model.truth.contracts if c.signed_at <= LATER]
    assert len(contracts) == len(signed)
    for contract in signed:
        row = contracts[native_id("contract", contract.id)]
        assert (row["number"], row["original_amount"], row["status"]) == (contract.number, contract.amount, "active")
        assert (row["signed_at"], row["start_date"]) == (naive(contract.signed_at), contract.start_date)
        assert row["source_changed_at"] == naive(contract.signed_at)
        assert row["seen_at"] in (naive(NOW), naive(LATER))
        assert row["opportunity_source_id"] == native_id("opportunity", contract.opportunity_id)
        for line in contract.lines:
            held = lines[native_id("contract_line", line.id)]
            assert held["contract_source_id"] == row["source_id"]
            for name in ("line_no", "billing_method", "revenue_method", "amount", "planned_hours", "nte_cap"):
                assert held[name] == getattr(line, name), name
            assert (held["included_hours"], held["overage_rate"]) == (line.included_hours, line.overage_rate)
            assert held["rate_card_ref"] == line.rate_card_id
    changes = model.records("contract_amendment")
    for change in (a for a in model.truth.amendments if a.signed_at <= LATER):
        row = changes.pop(native_id("contract_amendment", change.id))
        assert (row["amendment_no"], row["effective_date"]) == (change.number, change.effective_date)
        assert (row["amount_delta"], row["hours_delta"]) == (change.amount_delta, change.hours_delta)
        assert (row["new_nte_cap"], row["signed_at"]) == (change.new_nte_cap, naive(change.signed_at))
    assert changes == {}


def test_our_own_push_comes_back_with_its_key(model: Model) -> None:
    (row,) = model.records("invoice_status").values()
    assert (row["invoice_key_text"], row["net_amount"]) == ("netsuite:1", Decimal("10.25"))
    assert row["posted_at"] == datetime(2026, 10, 1, 22, 30)  # noqa: DTZ001 - the warehouse keeps naive UTC


def test_a_deal_that_changed_has_two_versions_that_meet(model: Model) -> None:
    moved = {
        native_id("opportunity", d.id): next(e.at for e in reversed(d.stages) if e.at <= LATER)
        for d in model.truth.opportunities
        if d.stages[0].at <= NOW and any(NOW < e.at <= LATER for e in d.stages)
    }
    assert moved
    versions = model.rows(
        "select opportunity_id, version_no, known_from, known_to, is_current, created_at "
        "from staging.stg_salesforce__opportunities order by 1, 2"
    )
    for opportunity_id, at in moved.items():
        first, second = (row for row in versions if row[0] == opportunity_id)
        assert (first[2], first[4]) == (first[5], False)
        assert first[3] == second[2] >= naive(at)
        assert (second[1], second[3], second[4]) == (2, None, True)
