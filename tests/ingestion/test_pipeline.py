"""The change log: what a load keeps, what it drops, what it refuses, and how it goes on after a death."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from common.clock import ManualClock
from common.settings import Settings
from ingestion.pipeline import load
from ingestion.resource import Resource, Source
from systems.errors import Fatal

START = datetime(2026, 10, 15, 6, tzinfo=UTC)

DEALS = Resource(
    "deals",
    "Deal",
    ("Id",),
    pa.schema([("Id", pa.string()), ("Amount", pa.float64()), ("Changed", pa.string())]),
    "cursor",
    "Changed",
    "sweep",
)
PEOPLE = Resource(
    "people", "Person", ("id",), pa.schema([("id", pa.string()), ("name", pa.string())]), "snapshot", deletes="absence"
)


class Shelf:
    """A source whose rows the test lays out. Serves ranges as a real one: everything changed at or after `since`."""

    instance = "main"

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"Deal": [], "Person": []}
        self.asked: list[datetime | None] = []
        self.broken_after: int | None = None

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        if name == "Deal":
            self.asked.append(since)
        rows = [r for r in self.rows[name] if since is None or datetime.fromisoformat(r["Changed"]) >= since]
        for number, start in enumerate(range(0, len(rows), 2)):
            if self.broken_after is not None and number >= self.broken_after:
                yield b'{"Id": "half'
                return
            yield b"\n".join(json.dumps(r).encode() for r in rows[start : start + 2])

    def read_ids(self, name: str) -> Iterator[list[str]]:
        yield [r["Id"] for r in self.rows[name]]


def deal(number: int, amount: Any, changed: datetime) -> dict[str, Any]:
    return {"Id": f"d{number}", "Amount": amount, "Changed": changed.isoformat()}


class Bench:
    """A warehouse, a clock and a source."""

    def __init__(self, folder: Path) -> None:
        self.config = Settings(state_dir=folder)
        self.clock = ManualClock(START)
        self.shelf = Shelf()
        self.source = Source("salesforce", (DEALS, PEOPLE), lambda: self.shelf)

    def load(self, **more: Any) -> Any:
        return load(self.source, self.config, self.clock, **more)

    def ask(self, sql: str) -> list[Any]:
        con = duckdb.connect(str(self.config.warehouse))
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.shelf.rows["Deal"] = [deal(n, n * 10.5, START - timedelta(days=1, minutes=n)) for n in range(5)]
    made.shelf.rows["Person"] = [{"id": "p1", "name": "Ann"}, {"id": "p2", "name": "Bo"}]
    return made


def test_first_load_keeps_everything_and_a_second_keeps_nothing(bench: Bench) -> None:
    first, second = bench.load(), bench.load()
    assert (first.rows_read, first.rows_kept) == (7, 7)
    assert second.rows_kept == 0
    assert bench.ask("select count(*) from raw_salesforce.deals") == [(5,)]


def test_the_cursor_reads_again_what_lies_within_the_overlap(bench: Bench) -> None:
    bench.load()
    bench.load()
    newest = START - timedelta(days=1)
    assert bench.shelf.asked == [None, newest - timedelta(minutes=bench.config.cursor_overlap_minutes)]


def test_a_late_commit_with_an_earlier_time_and_a_tie_are_not_lost(bench: Bench) -> None:
    bench.load()
    newest = START - timedelta(days=1)
    bench.shelf.rows["Deal"] += [deal(6, 1.0, newest - timedelta(minutes=20)), deal(7, 1.0, newest)]
    assert bench.load().tables["deals"].kept == 2


def test_a_value_that_goes_there_and_back_is_three_versions(bench: Bench) -> None:
    for amount in (10.0, 20.0, 10.0):
        bench.clock.advance(timedelta(hours=1))
        bench.shelf.rows["Deal"][0] = deal(0, amount, bench.clock.now())
        bench.load()
    amounts = bench.ask("select Amount from raw_salesforce.deals where Id = 'd0' order by _load_seq")
    assert [a for (a,) in amounts] == [10.0, 20.0, 10.0]


def test_deletes_are_seen_by_sweep_and_by_absence_once(bench: Bench) -> None:
    bench.shelf.rows["Person"] += [{"id": f"p{n}", "name": "x"} for n in range(3, 9)]
    bench.load()
    del bench.shelf.rows["Deal"][4], bench.shelf.rows["Person"][0]
    bench.clock.advance(timedelta(hours=1))
    report = bench.load()
    assert {t: c.deleted for t, c in report.tables.items()} == {"deals": 1, "people": 1}
    assert bench.ask("select Id, Amount from raw_salesforce.deals where _is_deleted") == [("d4", 42.0)]
    assert bench.load().rows_kept == 0


def test_a_deleted_row_that_comes_back_is_a_new_version(bench: Bench) -> None:
    bench.load()
    gone = bench.shelf.rows["Deal"].pop()
    bench.load()
    bench.clock.advance(timedelta(hours=1))
    bench.shelf.rows["Deal"].append({**gone, "Changed": bench.clock.now().isoformat()})
    bench.load()
    flags = bench.ask("select _is_deleted from raw_salesforce.deals where Id = 'd4' order by _load_seq")
    assert flags == [(False,), (True,), (False,)]


def test_an_edit_beside_a_long_load_comes_with_the_next_one(bench: Bench) -> None:
    """The last page holds a row that changed long after the load began; another row changed meanwhile behind us."""
    bench.load()
    started = bench.clock.now()
    bench.shelf.rows["Deal"].append(deal(8, 8.0, started + timedelta(minutes=50)))
    bench.load()
    bench.shelf.rows["Deal"][0] = deal(0, 99.0, started + timedelta(minutes=5))
    bench.clock.advance(timedelta(hours=1))
    bench.load()
    assert bench.ask("select count(*) from raw_salesforce.deals where Id = 'd0' and Amount = 99.0") == [(1,)]


def test_a_row_that_was_hidden_for_a_while_or_came_too_late_is_recovered(bench: Bench) -> None:
    bench.load()
    hidden = bench.shelf.rows["Deal"].pop()
    bench.load()
    bench.clock.advance(timedelta(days=1))
    bench.shelf.rows["Deal"] += [hidden, deal(7, 7.0, START - timedelta(days=20))]
    assert bench.load().tables["deals"].kept == 2
    last = bench.ask("select arg_max(_is_deleted, _load_seq) from raw_salesforce.deals where Id = 'd4'")
    assert last == [(False,)]
    assert bench.load().rows_kept == 0


def test_a_clock_that_steps_back_hides_no_version(bench: Bench) -> None:
    bench.load()
    bench.clock = ManualClock(START - timedelta(hours=2))
    bench.shelf.rows["Deal"][0] = deal(0, 5.0, START - timedelta(hours=3))
    bench.load()
    assert bench.load().rows_kept == 0


def test_the_tombstone_of_a_row_in_quarantine_carries_what_was_believed(bench: Bench) -> None:
    bench.load()
    bench.clock.advance(timedelta(hours=1))
    bench.shelf.rows["Deal"][0] = deal(0, -1.0, bench.clock.now())
    bench.load()
    con = duckdb.connect(str(bench.config.warehouse))
    con.execute("create schema quality")
    con.execute(
        "create table quality.quarantine as select 'salesforce' as system, 'deals' as table_name, _instance as instance, "
        "_source_id as source_id, _hash as record_hash from raw_salesforce.deals where Amount = -1.0"
    )
    con.close()
    del bench.shelf.rows["Deal"][0]
    bench.load()
    assert bench.ask("select Amount from raw_salesforce.deals where _is_deleted") == [(0.0,)]


def test_an_error_does_not_repeat_the_value_that_it_choked_on(bench: Bench) -> None:
    bench.shelf.rows["Deal"] = [{**deal(1, "anna@example.com", START)}]
    with pytest.raises(Fatal) as raised:
        bench.load()
    assert "anna" not in str(raised.value)


def test_a_new_column_evolves_and_changes_no_other_row(bench: Bench) -> None:
    bench.load()
    bench.clock.advance(timedelta(hours=1))
    bench.shelf.rows["Deal"][0] = {
        **deal(0, 0.0, bench.clock.now()),
        "Note": "new",
        "Tags": ["a", "b"],
        "Seen": "2026-10-01",
    }
    report = bench.load()
    assert report.tables["deals"].new_columns == ["Note", "Seen", "Tags"]
    assert report.rows_kept == 1
    rows = bench.ask("select Note, Tags, Seen from raw_salesforce.deals where Note is not null")
    assert rows == [("new", '["a","b"]', "2026-10-01")]


def test_an_undeclared_number_may_change_its_kind_without_failing_a_load(bench: Bench) -> None:
    for value in (1, 2.5, True):
        bench.clock.advance(timedelta(hours=1))
        bench.shelf.rows["Deal"][0] = {**deal(0, 0.0, bench.clock.now()), "Score": value}
        bench.load()
    scores = bench.ask("select Score from raw_salesforce.deals where Id = 'd0' order by _load_seq")
    assert [s for (s,) in scores] == ["1", "2.5", "true"]


@pytest.mark.parametrize("spoil", ["type", "page"])
def test_a_type_flip_or_a_broken_page_keeps_nothing_and_the_next_run_goes_on(bench: Bench, spoil: str) -> None:
    bench.load()
    bench.clock.advance(timedelta(hours=1))
    bench.shelf.rows["Person"] = [*bench.shelf.rows["Person"], {"id": "p3", "name": "Cy"}]
    bench.shelf.rows["Deal"] += [deal(n, 1.0, bench.clock.now()) for n in range(10, 16)]
    if spoil == "type":
        bench.shelf.rows["Deal"][-1]["Amount"] = "twelve"
    else:
        bench.shelf.broken_after = 1
    with pytest.raises(Fatal, match=r"salesforce: deals: .*Nothing of this load was kept"):
        bench.load()
    assert bench.ask("select count(*) from raw_salesforce.deals") == [(5,)]
    assert bench.ask("select count(*) from raw_salesforce.people") == [(2,)]
    bench.shelf.broken_after = None
    bench.shelf.rows["Deal"][-1]["Amount"] = 12.0
    assert bench.load().rows_kept == 7


def test_a_snapshot_that_shrinks_is_refused_whole(bench: Bench) -> None:
    bench.shelf.rows["Person"] = [{"id": f"p{n}", "name": "x"} for n in range(10)]
    bench.load()
    bench.shelf.rows["Person"] = bench.shelf.rows["Person"][:6]
    with pytest.raises(Fatal, match="4 of 10 rows are missing"):
        bench.load()
    assert bench.ask("select count(*) from raw_salesforce.people") == [(10,)]
    bench.config.max_shrink_share = 1.0
    assert bench.load().tables["people"].deleted == 4


def test_a_sweep_that_returns_half_is_refused_too(bench: Bench) -> None:
    bench.load()
    bench.shelf.rows["Deal"] = bench.shelf.rows["Deal"][:2]
    with pytest.raises(Fatal, match="3 of 5 rows are missing"):
        bench.load()


def test_rows_of_a_load_that_never_completed_do_not_move_the_mark(bench: Bench) -> None:
    bench.load()
    con = duckdb.connect(str(bench.config.warehouse))
    con.execute(
        "insert into raw_salesforce.deals select * replace ('d9' as Id, 'd9' as _source_id, 'half' as _dlt_load_id, "
        "'x' as _hash, timestamptz '2026-10-15 05:59:00+00' as _source_changed_at, 900 as _load_seq) "
        "from raw_salesforce.deals limit 1"
    )
    con.close()
    bench.shelf.rows["Deal"] += [
        deal(8, 8.0, START - timedelta(hours=20)),
        deal(9, 9.0, START - timedelta(minutes=1)),
    ]
    bench.load()
    assert bench.ask("select count(*) from raw_salesforce.deals where Id = 'd8'") == [(1,)]


def test_one_table_can_be_loaded_alone(bench: Bench) -> None:
    assert list(bench.load(tables={"people"}).tables) == ["people"]


def test_an_empty_object_still_gets_its_table(bench: Bench) -> None:
    bench.shelf.rows["Deal"] = []
    bench.load()
    assert bench.ask("select count(*) from raw_salesforce.deals") == [(0,)]


def test_a_full_disk_is_one_clear_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real full disk: the warehouse lies on a file system of its own with no room (needs a file size limit)."""
    import resource as limits
    import signal

    bench.load()
    bench.clock.advance(timedelta(hours=1))
    bench.shelf.rows["Deal"] += [deal(n, float(n), bench.clock.now()) for n in range(100, 60_000)]
    soft, hard = limits.getrlimit(limits.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = bench.config.warehouse.stat().st_size
    limits.setrlimit(limits.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(Fatal, match=r"salesforce: (the disk is full|the load failed).*"):
            bench.load()
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert bench.load().tables["deals"].kept >= 59_900
    assert bench.ask("select count(distinct _source_id) from raw_salesforce.deals") == [(59_905,)]
