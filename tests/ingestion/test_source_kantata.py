"""Kantata into raw, through the real client, pipeline and DuckDB: what is kept, what is noticed, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.clock import ManualClock
from common.settings import Settings
from ingestion.pipeline import LoadReport, load
from ingestion.sources.kantata import RESOURCES, SOURCE
from sandbox.fakes.kantata_objects import OBJECTS
from sandbox.faults import Fault
from sandbox.firm import build
from sandbox.project.kantata_ids import told
from sandbox.server import Fake
from sandbox.truth import Truth
from systems.errors import Fatal
from systems.kantata.listings import LISTINGS

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


class Loop:
    """A small firm's account and the warehouse that it is loaded into."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self.truth = truth
        self.clock = ManualClock(NOW)
        self.config = Settings(state_dir=folder / "state", firm="sandbox")
        self.fake = Fake("kantata", folder / "k.db", self.clock)
        self.fake.fill(self.truth)
        self.fake.start()

    def load(self, *tables: str) -> LoadReport:
        return load(SOURCE, self.config, self.clock, tables=set(tables) or None)

    def ask(self, sql: str) -> list[Any]:
        con = duckdb.connect(str(self.config.warehouse))
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()

    def change(self, object_: str, id_: str, **fields: Any) -> None:
        """Somebody changes a record now."""
        stored = self.fake.store.get(object_, id_)
        assert stored is not None
        at = self.clock.now()
        self.fake.store.put(object_, id_, {**stored.record, **fields, "updated_at": told(at)}, at)


@pytest.fixture(scope="module")
def truth() -> Truth:
    """The firm with the hours of its last months only, so that a load takes a moment."""
    whole = build(NOW, 11, 0.1)
    return replace(whole, time_entries=tuple(e for e in whole.time_entries if e.created_at > NOW - timedelta(days=60)))


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truth: Truth) -> Iterator[Loop]:
    running = Loop(tmp_path, truth)
    for name, value in running.fake.module.environment(running.fake.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THROUGHLINE_FIRM", "sandbox")
    yield running
    running.fake.stop()


def test_every_resource_is_listed_with_its_key_and_cursor(loop: Loop) -> None:
    assert {r.object for r in RESOURCES} == set(LISTINGS)
    for resource in RESOURCES:
        assert resource.object in OBJECTS
        assert resource.key == ("id",)
        assert resource.changed_at is None or resource.changed_at in resource.schema.names
        assert resource.mode == "snapshot" or resource.changed_at is not None


def test_the_whole_account_is_loaded_without_a_guessed_type_and_again_nothing(loop: Loop) -> None:
    first = loop.load()
    stored = {r.table: loop.fake.store.count(r.object) for r in RESOURCES}
    assert {name: counts.kept for name, counts in first.tables.items()} == stored
    assert {name: counts.new_columns for name, counts in first.tables.items() if counts.new_columns} == {}
    assert loop.load().rows_kept == 0
    (row,) = loop.ask("select count(*), count(_source_changed_at), min(_instance) from raw_kantata.time_entries")
    assert row == (stored["time_entries"], stored["time_entries"], "main")


def test_a_week_of_life_brings_what_changed_and_no_row_twice(loop: Loop) -> None:
    loop.load()
    loop.fake.live(loop.truth, NOW, NOW + timedelta(days=7))
    loop.clock.advance(timedelta(days=7))
    report = loop.load()
    changed = {
        r.table: sum(1 for s in loop.fake.store.select(r.object) if s.modified > NOW.strftime("%Y-%m-%dT%H:%M:%S.%f"))
        for r in RESOURCES
    }
    for table in ("time_entries", "timesheet_submissions", "resolutions", "workspace_status_changes", "stories"):
        assert report.tables[table].kept == changed[table], table
    assert sum(changed.values()) > 0
    assert loop.load().rows_kept == 0


def test_hard_deletes_are_seen(loop: Loop) -> None:
    loop.load("workspaces", "time_entries")
    entry = loop.fake.store.select("time_entries", limit=1)[0].id
    workspace = loop.fake.store.select("workspaces", limit=1)[0].id
    loop.clock.advance(timedelta(hours=2))
    for object_, id_ in (("time_entries", entry), ("workspaces", workspace)):
        loop.fake.store.delete(object_, id_, loop.clock.now())
    report = loop.load("workspaces", "time_entries")
    for table, id_ in (("time_entries", entry), ("workspaces", workspace)):
        assert (report.tables[table].kept, report.tables[table].deleted) == (0, 1)
        sql = f"select arg_max(_is_deleted, _load_seq) from raw_kantata.{table} where _source_id = '{id_}'"
        assert loop.ask(sql) == [(True,)]
    assert loop.load("workspaces", "time_entries").rows_kept == 0


def test_a_change_that_was_committed_late_is_within_the_overlap(loop: Loop) -> None:
    loop.load("time_entries")
    mark = datetime.fromisoformat(
        f"{loop.fake.store.select('time_entries', order='modified desc', limit=1)[0].modified}Z"
    )
    one = loop.fake.store.select("time_entries", limit=1)[0]
    late = mark - timedelta(minutes=10)
    loop.fake.store.put("time_entries", one.id, {**one.record, "notes": "late", "updated_at": told(late)}, late)
    assert loop.load("time_entries").tables["time_entries"].kept == 1


def test_a_value_that_comes_back_is_three_versions(loop: Loop) -> None:
    loop.load("time_entries")
    one = loop.fake.store.select("time_entries", limit=1)[0]
    for minutes in (15, one.record["time_in_minutes"]):
        loop.clock.advance(timedelta(hours=1))
        loop.change("time_entries", one.id, time_in_minutes=minutes)
        assert loop.load("time_entries").tables["time_entries"].kept == 1
    found = loop.ask(
        f"select time_in_minutes from raw_kantata.time_entries where _source_id = '{one.id}' order by _load_seq"
    )
    assert [row[0] for row in found] == [one.record["time_in_minutes"], 15, one.record["time_in_minutes"]]


def test_a_new_custom_field_gets_its_column(loop: Loop) -> None:
    loop.load("workspaces")
    value = loop.fake.store.select("custom_field_values", where="body ->> '$.subject_type' = 'Workspace'", limit=1)[0]
    record = {**value.record, "custom_field_name": "region", "value": "North"}
    loop.fake.store.put("custom_field_values", value.id, record, NOW)
    report = loop.load("workspaces")
    assert report.tables["workspaces"].new_columns == ["cf_region"]
    sql = f"select cf_region from raw_kantata.workspaces where id = '{value.record['subject_id']}' order by _load_seq"
    assert [row[0] for row in loop.ask(sql)] == [None, "North"]


def test_a_type_that_flipped_fails_the_load_and_keeps_nothing(loop: Loop) -> None:
    fault = Fault("schema_change", path="/api/v1/time_entries.json", skip=3, field="time_in_minutes")
    loop.fake.store.set_setting("faults", [asdict(fault)])
    with pytest.raises(Fatal, match="kantata: time_entries: a value does not fit its declared type"):
        loop.load("time_entries")
    loop.fake.store.set_setting("faults", [])
    assert loop.load("time_entries").tables["time_entries"].kept == loop.fake.store.count("time_entries")


def test_wrong_credentials_are_one_clear_error_and_the_next_load_goes_on(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setenv("THROUGHLINE_KANTATA_TOKEN", "wrong")
        with pytest.raises(Fatal, match="kantata: the access token was refused"):
            loop.load("workspaces")
    assert loop.load("workspaces").rows_kept == loop.fake.store.count("workspaces")
