"""NetSuite into raw, through the real client, pipeline and DuckDB: what is kept, what is noticed, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.clock import ManualClock
from common.settings import Settings
from ingestion.pipeline import LoadReport, load
from ingestion.sources.netsuite import RESOURCES, SOURCE
from sandbox.fakes.netsuite_parts.schema import TABLES
from sandbox.firm import build
from sandbox.server import Fake
from systems.errors import Fatal
from systems.netsuite.queries import QUERIES

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


class Loop:
    """A small firm's account and the warehouse that it is loaded into."""

    def __init__(self, folder: Path) -> None:
        self.truth = build(NOW, 11, 0.1)
        self.clock = ManualClock(NOW)
        self.config = Settings(state_dir=folder / "state", firm="sandbox")
        self.fake = Fake("netsuite", folder / "account.db", self.clock)
        self.fake.fill(self.truth)
        self.fake.start()

    def load(self, *tables: str) -> LoadReport:
        return load(SOURCE, self.config, self.clock, tables=set(tables) or None)

    def live(self, days: int) -> int:
        until = self.clock.now() + timedelta(days=days)
        changed = self.fake.live(self.truth, self.clock.now(), until)
        self.clock.advance(timedelta(days=days))
        return changed

    def ask(self, sql: str) -> list[Any]:
        con = duckdb.connect(str(self.config.warehouse))
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    running = Loop(tmp_path)
    for name, value in running.fake.module.environment(running.fake.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THROUGHLINE_FIRM", "sandbox")
    yield running
    running.fake.stop()


def test_every_resource_has_the_key_and_stamp_that_its_query_pages_by() -> None:
    for resource in RESOURCES:
        query = QUERIES[resource.object]
        assert resource.key == query.key
        assert set(query.order()) <= set(resource.schema.names)
        assert set(query.days) | set(query.instants) <= set(resource.schema.names)
        assert (resource.mode == "cursor") <= (resource.changed_at == query.stamp)
        # A period's calendar comes from the table that it is joined with.
        joined = {"fiscalcalendar"} if resource.table == "accountingperiod" else set()
        assert set(resource.schema.names) - joined <= set(TABLES[resource.object].columns)


def test_the_whole_account_is_loaded_and_a_second_load_keeps_nothing(loop: Loop) -> None:
    first = loop.load()
    stored = {r.table: loop.fake.store.count(r.object) for r in RESOURCES}
    assert {name: counts.kept for name, counts in first.tables.items()} == stored
    assert all(not counts.new_columns for counts in first.tables.values())
    assert loop.load().rows_kept == 0
    (sums,) = loop.ask("select sum(foreignamount), count(distinct _source_id) from raw_netsuite.transactionline")
    lines = loop.fake.store.select("transactionline")
    assert float(sums[0]) == pytest.approx(sum(float(line.record["foreignamount"]) for line in lines))
    assert sums[1] == len(lines)


def test_a_week_of_life_brings_only_what_changed(loop: Loop) -> None:
    loop.load()
    assert loop.live(7) > 0
    report = loop.load()
    assert report.tables["transaction"].kept > 0
    assert report.tables["customer"].kept == 0
    assert report.tables["transactionline"].read < 0.2 * loop.fake.store.count("transactionline")
    (missing,) = loop.ask(
        "select count(*) from raw_netsuite.transaction where _source_changed_at > '2026-10-15 06:00:00Z'"
    )
    assert missing[0] == report.tables["transaction"].kept
    assert loop.load().rows_kept == 0


def test_what_is_gone_is_noticed_though_suiteql_says_nothing(loop: Loop) -> None:
    loop.load()
    gone = loop.fake.store.select("nexttransactionlinelink", limit=1)[0]
    loop.fake.store.delete("nexttransactionlinelink", gone.id, NOW, origin="firm")
    report = loop.load("payment_application")
    assert report.tables["payment_application"].deleted == 1
    (row,) = loop.ask("select nextdoc, previousdoc from raw_netsuite.payment_application where _is_deleted")
    assert row == (gone.record["nextdoc"], gone.record["previousdoc"])


def test_an_amount_that_is_no_number_fails_the_load_and_leaves_nothing(loop: Loop) -> None:
    loop.load("transaction")
    before = loop.ask("select count(*) from raw_netsuite.transaction")
    stored = loop.fake.store.select("transaction", limit=1)[0]
    spoiled = {**stored.record, "foreigntotal": "a lot", "lastmodifieddate": "2026-10-15T06:00:00"}
    loop.fake.store.put("transaction", stored.id, spoiled, NOW)
    with pytest.raises(Fatal, match="netsuite: transaction"):
        loop.load("transaction")
    assert loop.ask("select count(*) from raw_netsuite.transaction") == before
