"""BambooHR into raw: versions of people and of their status, who was deleted, and what is not read twice."""

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
from ingestion.sources.bamboohr import SOURCE
from sandbox.firm import build
from sandbox.project.bamboohr import left_at, native_id
from sandbox.server import Fake
from systems.errors import Fatal

NOW = datetime(2026, 10, 15, 6, tzinfo=UTC)


class World:
    """A small firm's people in the fake, and a warehouse."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
        self.truth = build(NOW, 7, 0.05)
        self.clock = ManualClock(at)
        self.fake = Fake("bamboohr", folder / "hr.db", self.clock)
        self.fake.module.load(self.fake.store, self.truth, at)
        self.fake.start()
        for name, value in self.fake.module.environment(self.fake.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(folder))
        self.config = Settings(state_dir=folder)

    def load(self) -> LoadReport:
        return load(SOURCE, self.config, self.clock)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.config.warehouse)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World(tmp_path, monkeypatch, NOW - timedelta(days=500))
    yield found
    found.fake.stop()


def kept(report: LoadReport) -> dict[str, tuple[int, int]]:
    return {table: (counts.kept, counts.deleted) for table, counts in report.tables.items()}


def test_people_live_on_and_only_what_changed_is_kept(world) -> None:
    before = {r.id for r in world.truth.resources if r.created_at <= world.clock.now()}
    assert kept(world.load())["employees"] == (len(before), 0)
    assert kept(world.load()) == {"employees": (0, 0), "employment_status": (0, 0)}
    since = world.clock.now()
    world.fake.live(world.truth, since, NOW)
    world.clock.advance(NOW - since)
    new = [r for r in world.truth.resources if since < r.created_at <= NOW]
    left = [r for r in world.truth.resources if r.id in before and left_at(r, NOW) and not left_at(r, since)]
    assert new
    assert left
    assert kept(world.load())["employees"] == (len(new) + len(left), 0)
    gone = native_id("employee", left[0].id)
    history = world.ask(
        f"select status, terminationDate from raw_bamboohr.employees where id = '{gone}' order by _load_seq"
    )
    assert history == [("Active", "0000-00-00"), ("Inactive", left[0].termination_date.isoformat())]


def test_who_was_deleted_is_seen_with_the_rows(world) -> None:
    world.load()
    someone = native_id("employee", world.truth.resources[0].id)
    world.clock.advance(timedelta(days=1))
    world.fake.store.delete("employees", someone, world.clock.now())
    (row,) = world.fake.store.find("employmentStatus", "employeeId", someone)
    world.fake.store.delete("employmentStatus", row.id, world.clock.now())
    assert kept(world.load()) == {"employees": (0, 1), "employment_status": (0, 1)}
    for table, id_ in (("employees", someone), ("employment_status", row.id)):
        marks = world.ask(f"select _is_deleted from raw_bamboohr.{table} where _source_id = '{id_}' order by _load_seq")
        assert marks == [(False,), (True,)]


def test_a_type_that_flips_fails_the_load_and_keeps_nothing(world) -> None:
    world.load()
    rows = world.ask("select count(*) from raw_bamboohr.employees")
    person = world.fake.store.select("employees")[0]
    at = world.clock.advance(timedelta(days=1))
    changed = {**person.record, "workEmail": {"address": "x"}, "lastChanged": at.isoformat()}
    world.fake.store.put("employees", person.id, changed, at)
    with pytest.raises(Fatal, match="bamboohr: employees: a value does not fit"):
        world.load()
    assert world.ask("select count(*) from raw_bamboohr.employees") == rows
    world.fake.store.put("employees", person.id, {**person.record, "lastChanged": at.isoformat()}, at)
    assert kept(world.load())["employees"] == (1, 0)
