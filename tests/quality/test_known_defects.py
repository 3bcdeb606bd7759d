"""The simulated firm's known defects, read over HTTP from its four systems: each lands in quarantine, nothing else does.

The known answers are `Truth.defects`, counted by the firm and not by any rule of ours.
"""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from common.clock import ManualClock
from common.settings import Settings
from ingestion.inventory import source
from ingestion.pipeline import load
from quality.runner import RawReport, run_raw
from sandbox.firm import build
from sandbox.server import Servers
from sandbox.truth import Truth

# What a defect's record is called by its system's ids.
KINDS = {
    ("salesforce", "account"): "account",
    ("salesforce", "opportunity"): "opportunity",
    ("kantata", "workspaces"): "project",
    ("kantata", "time_entries"): "time_entry",
    ("netsuite", "transaction"): "invoice",
    ("bamboohr", "employees"): "employee",
}


class Firm:
    """The truth, the reports of a first check of each system, and the warehouse."""

    def __init__(self, truth: Truth, config: Settings, clock: ManualClock, reports: dict[str, RawReport]) -> None:
        self.truth, self.config, self.clock, self.reports = truth, config, clock, reports

    def ask(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.config.warehouse)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    folder: Path = tmp_path_factory.mktemp("firm")
    config = Settings(firm="sandbox", state_dir=folder, firm_scale=0.02)
    config.home.mkdir(parents=True)
    clock = ManualClock(config.firm_start)
    truth = build(config.firm_start, config.firm_seed, config.firm_scale)
    servers = Servers(config.home / "sandbox", clock, truth).start()
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in servers.environment().items():
                environment.setenv(name, value)
            for system in config.systems:
                load(source(system), config, clock)
    finally:
        servers.stop()
    reports = {system: run_raw(config.warehouse, system, clock.now()) for system in config.systems}
    return Firm(truth, config, clock, reports)


def test_every_class_of_defect_is_there(firm) -> None:
    known = Counter(defect.rule for defect in firm.truth.defects)
    found = Counter({rule: n for report in firm.reports.values() for rule, n in report.quarantined.items()})
    assert found == known


def test_the_rows_and_their_money_are_the_known_ones(firm) -> None:
    known = set()
    for defect in firm.truth.defects:
        native_id = importlib.import_module(f"sandbox.project.{defect.system}").native_id
        kind = KINDS[defect.system, defect.object]
        key = native_id(kind, defect.record_id)
        known.add((defect.system, defect.object, key, defect.rule, defect.amount, defect.currency))
    found = firm.ask("select system, table_name, source_id, rule, amount, currency from quality.quarantine")
    assert set(found) == known
    assert len(found) == len(known)


def test_rows_in_are_rows_accepted_and_quarantined(firm) -> None:
    for system, report in firm.reports.items():
        assert report.rows_in == report.accepted + report.quarantined_rows
        tables = {t.table: t.rows_in for t in report.tables}
        for table, rows in tables.items():
            assert firm.ask(f"select count(distinct (_instance, _source_id, _hash)) from raw_{system}.{table}") == [
                (rows,)
            ]


def test_a_second_check_finds_nothing_new(firm) -> None:
    before = firm.ask("select * from quality.quarantine order by all")
    for system in firm.reports:
        again = run_raw(firm.config.warehouse, system, firm.clock.now())
        assert (again.rows_in, again.quarantined) == (0, {})
    assert firm.ask("select * from quality.quarantine order by all") == before
