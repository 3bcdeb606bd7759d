"""Kantata's staging and mapping on data that was really read from the fake, compared with the firm's truth.

What belongs here: columns, references, versions and histories of one system. Numbers of the KPIs are elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pydantic import SecretStr

from common.clock import ManualClock
from common.settings import Settings
from ingestion.pipeline import load
from ingestion.sources.kantata import SOURCE
from sandbox.fakes.kantata import TOKEN
from sandbox.fakes.kantata_life import ACTIVATION_DELAY
from sandbox.firm import build
from sandbox.project.kantata import native_id
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.server import Fake
from sandbox.truth import Project, TimeEntry, Truth
from systems.kantata.client import Client
from systems.kantata.settings import KantataSettings

PROJECT = Path(__file__).parents[2] / "dbt_project"
NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=40)
SYSTEMS = ["salesforce", "kantata", "netsuite", "bamboohr"]


def naive(at: datetime | None) -> datetime | None:
    """As the warehouse holds it."""
    return at.astimezone(UTC).replace(tzinfo=None) if at else None


@dataclass
class Model:
    """The built mapping, the truth behind it, and what the test did in between."""

    truth: Truth
    connection: duckdb.DuckDBPyConnection
    pushed: Project
    pushed_id: str
    deleted_entry: str

    def records(self, entity: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(f"select * from mapping.map_{entity}__kantata")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def by_id(self, entity: str) -> dict[str, dict[str, Any]]:
        found = self.records(entity)
        assert len({row["source_id"] for row in found}) == len(found)
        return {row["source_id"]: row for row in found}

    def entries(self) -> dict[str, dict[str, Any]]:
        """The current version of each entry."""
        found = [row for row in self.records("time_entry") if row["known_to"] is None]
        assert len({row["source_id"] for row in found}) == len(found)
        return {row["source_id"]: row for row in found}

    def shown(self) -> Iterator[tuple[TimeEntry, str]]:
        """The truth's entries that Kantata has at the end, with their workspace."""
        known = {p.id: p for p in self.truth.projects}
        for entry in self.truth.time_entries:
            project = known.get(entry.project_id)
            if entry.created_at > LATER:
                continue
            if project is not None and project.created_at is None:
                if project.id == self.pushed.id and entry.created_at > NOW:
                    yield entry, self.pushed_id
            else:
                yield entry, native_id("project", entry.project_id)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    folder = tmp_path_factory.mktemp("kantata")
    truth = build(NOW, 11, 0.1)
    busy = {e.project_id for e in truth.time_entries if NOW < e.created_at < LATER}
    pushed = next(p for p in truth.projects if p.created_at is None and p.id in busy)
    opportunity = salesforce_id("opportunity", pushed.opportunity_id or "")
    clock = ManualClock(NOW)
    config = Settings(state_dir=folder, firm="sandbox")
    fake = Fake("kantata", folder / "k.db", clock)
    try:
        fake.fill(truth)
        fake.start()
        client = Client(KantataSettings(url=f"{fake.url}/api/v1", token=SecretStr(TOKEN)), clock, lambda _: None)
        body = {"title": pushed.name, "currency": pushed.currency}
        custom = {"throughline_key": f"opp:{opportunity}:1", "opportunity_ref": f"salesforce:{opportunity}"}
        (made,) = client.create_workspaces([body], [custom], "r")
        load(SOURCE, config, clock, reader=client)
        fake.live(truth, NOW, LATER)
        clock.advance(LATER - NOW)
        gone = next(e for e in truth.time_entries if e.statuses == () or len(e.statuses) == 2)
        deleted = native_id("time_entry", gone.id)
        fake.store.delete("time_entries", deleted, clock.now())
        load(SOURCE, config, clock, reader=client)
        again = load(SOURCE, config, clock, reader=client)
        assert again.rows_kept == 0
    finally:
        fake.stop()
    _dbt(folder, config.warehouse)
    connection = duckdb.connect(str(config.warehouse), read_only=True)
    yield Model(truth, connection, pushed, made.id, deleted)
    connection.close()


def _dbt(folder: Path, warehouse: Path) -> None:
    """Build Kantata's staging and mapping with their tests, in a copy of the project that has nothing above them.
    The process lives in New York: instants must not depend on the machine's time zone.
    """
    ignored = shutil.ignore_patterns("target", "logs", "canonical", "kpi", "sync", "tests")
    project = Path(shutil.copytree(PROJECT, folder / "dbt", ignore=ignored))
    for other in (p for p in (project / "models" / "staging").iterdir() if p.is_dir() and p.name != "kantata"):
        shutil.rmtree(other)
    for path in (project / "models" / "mapping").glob("*/*.sql"):
        if not path.stem.endswith("__kantata"):
            path.unlink()
    connection = duckdb.connect(str(warehouse))
    connection.execute("create schema quality")
    connection.execute(
        "create table quality.quarantine as select 'kantata' as system, 'time_entries' as table_name, "
        "_instance as instance, _source_id as source_id, _hash as record_hash, 'time_hours_in_range' as rule, "
        "'too many' as reason, cast(null as decimal(18, 4)) as amount, cast(null as varchar) as currency, "
        "cast(null as timestamp) as detected_at, cast(null as varchar) as load_id "
        "from raw_kantata.time_entries where time_in_minutes > 24 * 60"
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
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_hours_are_the_truth_s(model: Model) -> None:
    found = model.entries()
    people = {r.id: r for r in model.truth.resources}
    projects = {p.id: p for p in model.truth.projects}
    checked = set()
    for entry, workspace in model.shown():
        if entry.hours > 24:
            assert native_id("time_entry", entry.id) not in found
            continue
        row = found[native_id("time_entry", entry.id)]
        checked.add(row["source_id"])
        assert row["project_source_id"] == workspace
        assert (row["work_date"], row["hours"], row["billable"]) == (entry.work_date, entry.hours, entry.billable)
        person = people[entry.resource_id]
        assert (row["resource_ref"], row["role"]) == (person.email, person.role)
        assert row["created_at"] == naive(entry.created_at)
        project = projects.get(entry.project_id)
        if project is not None:
            assert row["rate_card_ref"] == native_id("rate_card", project.rate_card_id)
            assert row["currency"] == project.currency
        replaced = native_id("time_entry", entry.replaces_id) if entry.replaces_id else None
        assert row["replaces_source_id"] == replaced
        known = [e for e in entry.statuses if e.at <= LATER]
        assert row["status"] == (known[-1].status if known else "draft")
        approvals = [naive(e.at) for e in known if e.status == "approved"]
        assert row["approved_at"] == (max(filter(None, approvals)) if approvals else None)
    assert checked == set(found)


def test_every_change_of_state_is_an_event_at_its_own_time(model: Model) -> None:
    found = defaultdict(list)
    for row in model.by_id("time_entry_status_event").values():
        found[row["time_entry_source_id"]].append((row["occurred_at"], row["status"], row["actor"]))
    people = {r.email for r in model.truth.resources}
    total = 0
    for entry, _ in model.shown():
        if entry.hours > 24:
            continue
        expected = [
            (naive(e.at), e.status, e.actor if e.actor in people else None) for e in entry.statuses if e.at <= LATER
        ]
        assert sorted(found.pop(native_id("time_entry", entry.id), [])) == expected
        total += len(expected)
    assert total > 5_000
    assert not found


def test_versions_follow_each_other(model: Model) -> None:
    by_entry = defaultdict(list)
    for row in model.records("time_entry"):
        by_entry[row["source_id"]].append(row)
    several = 0
    for entry, _ in model.shown():
        versions = sorted(by_entry.get(native_id("time_entry", entry.id), []), key=lambda r: r["known_from"])
        for first, second in pairwise(versions):
            assert first["known_to"] == second["known_from"]
            several += 1
        if versions:
            assert versions[0]["known_from"] == naive(entry.created_at)
            assert versions[-1]["known_to"] is None
    # What was handed in or approved between the two loads has a version of each.
    assert several > 50


def test_a_deleted_entry_is_a_deleted_version(model: Model) -> None:
    row = model.entries()[model.deleted_entry]
    assert row["is_deleted"] is True
    assert row["known_from"] == naive(LATER)
    others = [r for r in model.entries().values() if r["source_id"] != model.deleted_entry]
    assert not any(r["is_deleted"] for r in others)


def test_projects_and_their_history(model: Model) -> None:
    found = model.by_id("project")
    managers = {r.id: r.email for r in model.truth.resources}
    events = defaultdict(list)
    for row in model.by_id("project_status_event").values():
        events[row["project_source_id"]].append((row["occurred_at"], row["status"]))
    for entry in model.truth.projects:
        if entry.created_at is None or entry.created_at > LATER:
            continue
        row = found.pop(native_id("project", entry.id))
        opportunity, contract = entry.opportunity_id, entry.contract_id
        known = [e for e in entry.statuses if e.at <= LATER]
        expected = {
            "project_number": entry.id,
            "name": entry.name,
            "customer_source_id": native_id("customer", entry.customer_id),
            "opportunity_ref": f"salesforce:{salesforce_id('opportunity', opportunity)}" if opportunity else None,
            "contract_ref": f"salesforce:{salesforce_id('contract', contract)}" if contract else None,
            "legal_entity_code": entry.legal_entity_id,
            "billing_method": entry.billing_method,
            "service_line": entry.service_line,
            "project_manager_ref": managers[entry.manager_id],
            "status": known[-1].status,
            "start_date": entry.start_date,
            "end_date": entry.end_date,
            "planned_hours": entry.planned_hours,
            "rate_card_ref": native_id("rate_card", entry.rate_card_id),
            "created_at": naive(entry.created_at),
            "is_deleted": False,
        }
        assert {name: row[name] for name in expected} == expected
        assert sorted(events[row["source_id"]]) == [(naive(e.at), e.status) for e in known]
    assert set(found) == {model.pushed_id}


def test_the_project_that_we_pushed_becomes_active(model: Model) -> None:
    row = model.by_id("project")[model.pushed_id]
    assert row["opportunity_ref"] == f"salesforce:{salesforce_id('opportunity', model.pushed.opportunity_id or '')}"
    assert (row["status"], row["project_number"]) == ("active", model.pushed.id)
    events = [r for r in model.records("project_status_event") if r["project_source_id"] == model.pushed_id]
    assert sorted((r["occurred_at"], r["status"]) for r in events) == [
        (naive(NOW), "created"),
        (naive(NOW + ACTIVATION_DELAY), "active"),
    ]
    assert any(r["project_source_id"] == model.pushed_id for r in model.entries().values())


def test_rates_in_two_clocks(model: Model) -> None:
    found = {
        (r["rate_card_ref"], r["role"], r["currency"], r["bill_rate"], r["effective_from"], r["recorded_at"])
        for r in model.by_id("rate_card_line").values()
    }
    assert found == {
        (
            native_id("rate_card", x.rate_card_id), x.role, x.currency, x.bill_rate, x.effective_from,
            naive(x.recorded_at),
        )
        for x in model.truth.rate_card_lines
        if x.recorded_at <= LATER
    }  # fmt: skip


def test_milestones(model: Model) -> None:
    found = model.by_id("milestone")
    projects = {p.id: p for p in model.truth.projects}
    for milestone in model.truth.milestones:
        project = projects[milestone.project_id]
        if milestone.created_at > LATER or project.created_at is None:
            continue
        achieved = milestone.achieved_at if milestone.achieved_at and milestone.achieved_at <= LATER else None
        accepted = milestone.accepted_at if milestone.accepted_at and milestone.accepted_at <= LATER else None
        row = found[native_id("milestone", milestone.id)]
        assert row["project_source_id"] == native_id("project", milestone.project_id)
        assert row["contract_line_ref"] == f"salesforce:{salesforce_id('contract_line', milestone.contract_line_id)}"
        assert (row["amount"], row["currency"]) == (milestone.amount, project.currency)
        assert (row["planned_date"], row["name"]) == (milestone.planned_date, milestone.name)
        assert (row["achieved_at"], row["accepted_at"]) == (naive(achieved), naive(accepted))
        assert row["status"] == ("accepted" if accepted else "achieved" if achieved else "planned")


def test_people_and_clients(model: Model) -> None:
    people = model.by_id("resource")
    emails = {r.id: r.email for r in model.truth.resources}
    for resource in model.truth.resources:
        if resource.created_at > LATER:
            continue
        row = people[native_id("resource", resource.id)]
        assert (row["employee_number"], row["email"], row["role"]) == (resource.id, resource.email, resource.role)
        assert row["manager_ref"] == (emails[resource.manager_id] if resource.manager_id else None)
        left = resource.termination_date is not None and resource.termination_date < LATER.date()
        assert row["is_active"] is not left
    clients = model.by_id("customer")
    for customer in model.truth.customers:
        if customer.known_to_psa_at and customer.known_to_psa_at <= LATER:
            row = clients[native_id("customer", customer.id)]
            assert row["external_ref"] == f"salesforce:{salesforce_id('account', customer.id)}"
            assert row["domain"] == customer.domain


def test_bill_rate_is_what_the_source_shows(model: Model) -> None:
    rates = [row["bill_rate"] for row in model.entries().values()]
    assert all(rate is None or (isinstance(rate, Decimal) and rate > 0) for rate in rates)
