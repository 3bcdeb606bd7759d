"""On PostgreSQL: commits that come late, rows that share an instant, writers that race. Nothing is lost, one wins.

Each loss is first shown with the cursor that has it (`>` the highest timestamp seen), as a control: a test whose
control loses nothing proves nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from common.clock import SystemClock
from common.settings import Settings
from ingestion.pipeline import load
from ingestion.sources.tryton import SOURCE
from sandbox.tryton.server import Handle
from systems.errors import Rejected, Retriable
from systems.tryton.client import Client

LINE = "timesheet.line"
POLLS = 300


@pytest.fixture
def client(postgres: Handle, connect: Callable[..., Client]) -> Client:
    return connect(postgres)


@pytest.fixture
def task(client: Client) -> dict[str, Any]:
    """Something to book time on, and two people of its company."""
    people = client.find("company.employee", [["company.party.code", "=", "DE01"]], ["company"], limit=2)
    company = people[0]["company"]
    (work,) = client.create("timesheet.work", [{"name": "Race", "company": company}], context={"company": company})
    return {"work": work, "company": company, "people": [person["id"] for person in people]}


def hours(task: dict[str, Any], person: int, text: str) -> dict[str, Any]:
    return {
        "work": task["work"],
        "company": task["company"],
        "employee": task["people"][person],
        "date": SystemClock().now().date(),
        "duration": timedelta(hours=1),
        "description": text,
    }


def strict(client: Client, after: datetime, limit: int) -> list[dict[str, Any]]:
    """The control: one page of what is later than the highest timestamp seen, by timestamp alone."""
    domain = [["last_modified_at", ">", after]]
    rows = client._ask(LINE, "search_read", domain, 0, limit, [["last_modified_at", "ASC"]], ["last_modified_at"])
    return [{"id": row["id"], "at": _instant(row["last_modified_at"])} for row in rows]


def _instant(value: dict[str, int]) -> datetime:
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return datetime.fromisoformat("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00".format(*(value[p] for p in parts)))


def newest(client: Client) -> datetime:
    rows = client._ask(LINE, "search_read", [], 0, 1, [["last_modified_at", "DESC"]], ["last_modified_at"])
    return _instant(rows[0]["last_modified_at"])


def loaded(config: Settings) -> set[int]:
    con = duckdb.connect(str(config.warehouse), read_only=True)
    try:
        return {row[0] for row in con.execute("select distinct id from raw_tryton.timesheet_line").fetchall()}
    finally:
        con.close()


def test_a_late_commit_is_lost_by_a_strict_cursor_and_not_by_ours(
    client: Client, task: dict[str, Any], postgres: Handle, connect: Callable[..., Client], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("THROUGHLINE_FIRM", "tryton")
    config = Settings()
    client.create(LINE, [hours(task, 0, "before")])
    mark = newest(client)
    slow = connect(postgres)
    slow.count(LINE, [])
    result: list[list[int]] = []
    uri = f"{postgres.postgres}{postgres.database}"
    with psycopg.connect(uri) as blocker, psycopg.connect(uri, autocommit=True) as watcher:
        # A booking for the second person waits for this lock; its transaction has begun and has its timestamp.
        blocker.execute("select id from company_employee where id = %s for update", [task["people"][1]])
        late = [hours(task, 0, "late"), hours(task, 1, "late")]
        thread = threading.Thread(target=lambda: result.append(slow.create(LINE, late)))
        thread.start()
        for _ in range(POLLS):
            waiting = watcher.execute("select count(*) from pg_stat_activity where wait_event_type = 'Lock'").fetchone()
            if waiting and waiting[0]:
                break
            thread.join(timeout=0.05)
        else:
            pytest.fail("the slow booking never waited")
        fast = client.create(LINE, [hours(task, 0, "fast")])
        first = strict(client, mark, 1000)
        load(SOURCE, config, SystemClock(), reader=client, tables={"timesheet_line"})
        blocker.rollback()
        thread.join(timeout=60)
    assert len(result) == 1
    assert {row["id"] for row in first} == set(fast)
    second = strict(client, max(row["at"] for row in first), 1000)
    assert not second, "the control should have lost the late rows"

    assert not set(result[0]) & loaded(config)
    report = load(SOURCE, config, SystemClock(), reader=client, tables={"timesheet_line"})
    assert set(result[0]) | set(fast) <= loaded(config)
    assert len(loaded(config)) == client.count(LINE, [])
    assert report.tables["timesheet_line"].kept == len(result[0])


def test_tied_timestamps_are_lost_by_a_strict_cursor_and_not_by_ours(
    client: Client, task: dict[str, Any], postgres: Handle, connect: Callable[..., Client]
) -> None:
    client.create(LINE, [hours(task, 0, "before")])
    mark = newest(client)
    tied = set(client.create(LINE, [hours(task, 0, f"tied {n}") for n in range(25)]))
    seen: set[int] = set()
    after = mark
    while page := strict(client, after, 10):
        seen |= {row["id"] for row in page}
        after = page[-1]["at"]
    assert len(tied - seen) == 15, "the control should have lost what is beyond the first page"

    ours = connect(postgres, page_size=10)
    pages = [json.loads(row)["id"] for page in ours.read(LINE, mark, ["id"]) for row in page.splitlines()]
    assert len(pages) == len(set(pages))
    assert tied <= set(pages)


def test_deleted_rows_are_seen(
    client: Client, task: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("THROUGHLINE_FIRM", "tryton")
    config = Settings()
    kept = client.create(LINE, [hours(task, 0, f"kept {n}") for n in range(10)])
    (gone,) = client.create(LINE, [hours(task, 0, "gone")])
    load(SOURCE, config, SystemClock(), reader=client, tables={"timesheet_line"})
    client.delete(LINE, [gone])
    report = load(SOURCE, config, SystemClock(), reader=client, tables={"timesheet_line"})
    assert report.tables["timesheet_line"].deleted == 1
    con = duckdb.connect(str(config.warehouse), read_only=True)
    rows = con.execute(
        "select id, _is_deleted from raw_tryton.timesheet_line where id in (?, ?) order by id, _load_seq",
        [kept[0], gone],
    ).fetchall()
    con.close()
    assert rows == [(kept[0], False), (gone, False), (gone, True)]


def test_of_writers_that_race_exactly_one_wins(
    client: Client, postgres: Handle, connect: Callable[..., Client]
) -> None:
    (category,) = client.create("party.category", [{"name": "Raced for"}])
    racers = [connect(postgres) for _ in range(6)]
    for racer in racers:
        racer.count("party.category", [])
    conflicts: list[str | None] = []
    for number in range(5):
        stamp = client.find("party.category", [["id", "=", category]], ["_timestamp"])[0]["_timestamp"]
        start = threading.Barrier(len(racers))

        def race(one: int, round_: int = number, stamp: str = stamp, start: threading.Barrier = start) -> bool:
            start.wait(timeout=30)
            try:
                racers[one].write("party.category", category, {"name": f"{round_} by {one}"}, timestamp=stamp)
            except Retriable as lost:
                conflicts.append(lost.code)
                return False
            return True

        with ThreadPoolExecutor(len(racers)) as pool:
            won = [one for one, has in enumerate(pool.map(race, range(len(racers)))) if has]
        assert len(won) == 1
        name = client.find("party.category", [["id", "=", category]], ["name"])[0]["name"]
        assert name == f"{number} by {won[0]}"
    assert conflicts == ["ConcurrencyException"] * 25


def test_the_same_client_at_once_from_everybody_is_one_party(postgres: Handle, connect: Callable[..., Client]) -> None:
    """The unique code holds where a search before the create does not."""
    racers = [connect(postgres) for _ in range(4)]
    for racer in racers:
        racer.count("party.party", [])
    start = threading.Barrier(len(racers))

    def create(racer: Client) -> bool:
        start.wait(timeout=30)
        try:
            racer.create("party.party", [{"name": "Everybody's", "code": "crm:raced"}])
        except (Rejected, Retriable):
            return False
        return True

    with ThreadPoolExecutor(len(racers)) as pool:
        assert sum(pool.map(create, racers)) == 1
    assert racers[0].count("party.party", [["code", "=", "crm:raced"]]) == 1


def test_dates_are_dates(client: Client, task: dict[str, Any]) -> None:
    (line,) = client.create(LINE, [hours(task, 0, "typed")])
    row = client.find(LINE, [["id", "=", line]], ["date", "duration"])[0]
    assert date.fromisoformat(row["date"]) == SystemClock().now().date()
    assert row["duration"] == 3600.0
