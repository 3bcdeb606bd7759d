"""Salesforce into raw, through the real client, pipeline and DuckDB: what is kept, what is noticed, what is refused."""

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
from ingestion.sources.salesforce import RESOURCES, SOURCE
from sandbox.fakes.salesforce_objects import OBJECTS, Field
from sandbox.fakes.salesforce_records import Records
from sandbox.firm import build
from sandbox.server import Fake
from systems.errors import Fatal

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


class Loop:
    """A small firm's org and the warehouse that it is loaded into."""

    def __init__(self, folder: Path) -> None:
        self.truth = build(NOW, 11, 0.1)
        self.clock = ManualClock(NOW)
        self.config = Settings(state_dir=folder / "state", firm="sandbox")
        self.fake = Fake("salesforce", folder / "org.db", self.clock)
        self.fake.fill(self.truth)
        self.fake.start()
        self.records = Records(self.fake.store, self.clock)

    def load(self, *tables: str) -> LoadReport:
        return load(SOURCE, self.config, self.clock, tables=set(tables) or None)

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


def test_every_resource_is_an_object_of_the_org_with_its_key_and_cursor() -> None:
    for resource in RESOURCES:
        described = OBJECTS[resource.object].fields
        assert resource.key == ("Id",)
        assert set(resource.schema.names) <= set(described)
        assert resource.changed_at in resource.schema.names
        assert resource.deleted_flag is None or resource.deleted_flag in resource.schema.names


def test_the_whole_org_is_loaded_and_a_second_load_keeps_nothing(loop: Loop) -> None:
    first = loop.load()
    stored = {r.table: loop.fake.store.count(r.object) for r in RESOURCES}
    assert {name: counts.kept for name, counts in first.tables.items()} == stored
    assert loop.load().rows_kept == 0
    (row,) = loop.ask("select count(*), count(_source_changed_at), min(_instance) from raw_salesforce.opportunity")
    assert row == (stored["opportunity"], stored["opportunity"], "main")


def test_a_week_of_life_brings_only_what_changed(loop: Loop) -> None:
    loop.load()
    until = NOW + timedelta(days=7)
    changed = loop.fake.live(loop.truth, NOW, until)
    loop.clock.advance(timedelta(days=7))
    assert 0 < loop.load().rows_kept == changed


def test_a_delete_is_seen_and_so_is_a_purge(loop: Loop) -> None:
    binned, purged = (
        loop.records.create(OBJECTS["Account"], {"Name": name, "BillingCountryCode": "DE"}) for name in ("Bin", "Purge")
    )
    loop.load("account")
    loop.clock.advance(timedelta(hours=2))
    loop.records.delete(OBJECTS["Account"], binned)
    # Purged from the recycle bin before we looked: no query shows it any more.
    loop.fake.store._db.execute("delete from record where id = ?", (purged,))
    report = loop.load("account")
    assert (report.tables["account"].kept, report.tables["account"].deleted) == (1, 1)
    found = dict(
        loop.ask(
            "select _source_id, arg_max(_is_deleted, _load_seq) from raw_salesforce.account "
            f"where _source_id in ('{binned}', '{purged}') group by 1"
        )
    )
    assert found == {binned: True, purged: True}
    assert loop.load("account").rows_kept == 0


def test_a_new_custom_field_gets_its_column(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.load("account")
    monkeypatch.setitem(OBJECTS["Account"].fields, "Region__c", Field("Region__c", "string", 40))
    for stored in loop.fake.store.select("Account"):
        loop.fake.store.put("Account", stored.id, {**stored.record, "Region__c": None}, NOW)
    made = loop.records.create(OBJECTS["Account"], {"Name": "New", "Region__c": "North"})
    report = loop.load("account")
    assert report.tables["account"].new_columns == ["Region__c"]
    assert loop.ask(f"select Region__c from raw_salesforce.account where _source_id = '{made}'") == [("North",)]


def test_a_type_that_flipped_fails_the_load_and_keeps_nothing(loop: Loop) -> None:
    fault = {"kind": "schema_change", "field": "Amount", "path": "/services/data/.*/queryAll"}
    loop.fake.store.set_setting("faults", [{**_FAULT, **fault}])
    with pytest.raises(Fatal, match="salesforce: opportunity: a value does not fit its declared type"):
        loop.load("opportunity")
    loop.fake.store.set_setting("faults", [])
    assert loop.load("opportunity").tables["opportunity"].kept == loop.fake.store.count("Opportunity")


_FAULT = {
    "method": ".*", "times": 1, "skip": 0, "status": 503, "retry_after": None, "delay": 60.0,
}  # fmt: skip
