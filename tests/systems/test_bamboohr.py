"""The BambooHR client against the fake over HTTP: what is read, what is waited for, and what each refusal means."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from common.clock import ManualClock
from ingestion.sources.bamboohr import RESOURCES, SOURCE
from sandbox.fakes.bamboohr import API_KEY, environment
from sandbox.faults import Fault
from sandbox.project.bamboohr import native_id
from sandbox.server import Fake
from systems.bamboohr.client import Client
from systems.bamboohr.settings import BambooHRSettings, bamboohr_settings
from systems.errors import Fatal

NOW = datetime(2026, 10, 15, 6, tzinfo=UTC)
FIELDS = list(RESOURCES[0].schema.names)


class World:
    """A running fake, a client and the waits that it made."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.fake = Fake("bamboohr", folder / "hr.db", self.clock).start()
        self.waits: list[float] = []
        self.client = self.connect()

    def connect(self, key: str = API_KEY, page_size: int = 2) -> Client:
        config = BambooHRSettings(url=self.fake.url, api_key=SecretStr(key), page_size=page_size)
        return Client(config, self.clock, self.waits.append)

    def enter(self, number: int, at: datetime, **fields: Any) -> str:
        """An employee, as somebody entered or changed him at an instant."""
        id_ = native_id("employee", f"R{number:03d}")
        record = dict.fromkeys(FIELDS) | {
            "id": id_, "employeeNumber": f"R{number:03d}", "firstName": "Ann", "lastName": f"Nr{number}",
            "preferredName": None, "workEmail": f"nr{number}@firm.example", "jobTitle": "Consultant",
            "status": "Active", "hireDate": "2025-01-01", "terminationDate": "0000-00-00", "supervisor": None,
            "lastChanged": at.isoformat(),
        } | fields  # fmt: skip
        self.fake.store.put("employees", id_, record, at)
        return id_

    def misbehave(self, **fault: Any) -> None:
        request = urllib.request.Request(
            f"{self.fake.url}/_control/faults", json.dumps(asdict(Fault(**fault))).encode(), method="POST"
        )
        urllib.request.urlopen(request).read()

    def requests(self) -> list[str]:
        with urllib.request.urlopen(f"{self.fake.url}/_control/requests") as answer:
            return json.load(answer)

    def employees(self, since: datetime | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for page in self.client.read("employees", since, FIELDS) for line in page.splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.fake.stop()


def test_everybody_is_read_with_the_declared_fields_only(world) -> None:
    ids = [world.enter(n, NOW - timedelta(days=n)) for n in range(1, 5)]
    people = world.employees()
    assert [p["id"] for p in people] == list(reversed(ids)), "the oldest change comes first"
    assert all(set(p) == set(FIELDS) for p in people)
    assert people[0]["lastChanged"] == (NOW - timedelta(days=4)).isoformat()


def test_since_reads_what_changed_at_that_second_or_later(world) -> None:
    world.enter(1, NOW - timedelta(days=9))
    same, later = world.enter(2, NOW - timedelta(days=3)), world.enter(3, NOW - timedelta(days=1))
    assert [p["id"] for p in world.employees(NOW - timedelta(days=3))] == [same, later]
    assert sum(r.endswith(native_id("employee", "R001")) for r in world.requests()) == 0


def test_nothing_changed_is_one_request(world) -> None:
    world.enter(1, NOW - timedelta(days=9))
    assert world.employees(NOW) == []
    assert world.requests() == ["GET /api/v1/employees/changed"]


def test_a_job_that_starts_later_is_read_all_the_same(world) -> None:
    world.enter(1, NOW, hireDate="2026-12-01", jobTitle="Manager")
    assert world.employees()[0]["jobTitle"] == "Manager"


def test_the_deleted_are_left_to_the_sweep(world) -> None:
    stays, goes = world.enter(1, NOW - timedelta(days=2)), world.enter(2, NOW - timedelta(days=1))
    world.fake.store.delete("employees", goes, NOW)
    assert [p["id"] for p in world.employees()] == [stays]
    assert [i for page in world.client.read_ids("employees") for i in page] == [stays]


def test_somebody_deleted_between_the_feed_and_the_read_is_left_out(world, monkeypatch) -> None:
    stays, goes = world.enter(1, NOW - timedelta(days=2)), world.enter(2, NOW - timedelta(days=1))
    read_one = world.client._employee

    def then_delete(change: Any, fields: str) -> Any:
        if change["id"] == goes:
            world.fake.store.delete("employees", goes, NOW)
        return read_one(change, fields)

    monkeypatch.setattr(world.client, "_employee", then_delete)
    assert [p["id"] for p in world.employees()] == [stays]


def test_ids_come_in_pages_and_include_who_has_left(world) -> None:
    ids = [world.enter(n, NOW, status="Inactive" if n % 2 else "Active") for n in range(1, 6)]
    pages = list(world.client.read_ids("employees"))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [i for page in pages for i in page] == ids


def test_a_table_is_read_whole(world) -> None:
    world.enter(1, NOW)
    for n in (1, 2):
        row = {"id": str(n), "employeeId": native_id("employee", "R001"), "date": "2026-01-01", "employmentStatus": "x"}
        world.fake.store.put("employmentStatus", str(n), row, NOW)
    pages = list(world.client.read("employmentStatus", None, []))
    assert [json.loads(line)["id"] for page in pages for line in page.splitlines()] == ["1", "2"]
    assert list(world.client.read_ids("employmentStatus")) == [["1", "2"]]


def test_no_rows_are_no_pages(world) -> None:
    assert world.employees() == []
    assert list(world.client.read("employmentStatus", None, [])) == []


def test_it_waits_as_long_as_it_is_told(world) -> None:
    world.enter(1, NOW)
    world.misbehave(kind="throttle", path=".*/changed", retry_after="7")
    world.misbehave(kind="server_error", path=".*/changed", status=503, retry_after=None)
    assert len(world.employees()) == 1
    assert world.waits == [7.0, 1.0]


def test_a_broken_answer_is_asked_for_again_and_then_given_up(world) -> None:
    world.enter(1, NOW)
    world.misbehave(kind="malformed_page", path=".*/changed")
    assert len(world.employees()) == 1
    world.misbehave(kind="malformed_page", path=".*/changed", times=9)
    with pytest.raises(Fatal, match=r"bamboohr: gave up.*can't be read"):
        world.employees()


def test_a_wrong_key_is_one_clear_error_without_the_key(world) -> None:
    world.client = world.connect(key="my-wrong-key")
    with pytest.raises(Fatal, match="THROUGHLINE_BAMBOOHR_API_KEY") as refused:
        world.employees()
    assert "Invalid API key" in str(refused.value)
    assert "my-wrong-key" not in str(refused.value)
    assert world.waits == []


def test_an_unknown_object_is_refused(world) -> None:
    with pytest.raises(Fatal, match="payslips"):
        list(world.client.read("payslips", None, []))
    with pytest.raises(Fatal, match="payslips"):
        list(world.client.read_ids("payslips"))


def test_an_unreachable_company_is_one_clear_error(world) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        config = BambooHRSettings(url=f"http://127.0.0.1:{nobody.getsockname()[1]}", api_key=SecretStr(API_KEY))
        client = Client(config, world.clock, world.waits.append)
        with pytest.raises(Fatal, match="could not be reached"):
            list(client.read("employees", None, FIELDS))
    assert len(world.waits) == 4


def test_settings_come_from_the_environment_when_asked(monkeypatch) -> None:
    for name in ("URL", "API_KEY"):
        monkeypatch.delenv(f"THROUGHLINE_BAMBOOHR_{name}", raising=False)
    with pytest.raises(Fatal, match="THROUGHLINE_BAMBOOHR_URL, THROUGHLINE_BAMBOOHR_API_KEY"):
        bamboohr_settings()
    for name, value in environment("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    assert bamboohr_settings().api_key.get_secret_value() == API_KEY
    assert API_KEY not in repr(bamboohr_settings())


def test_every_raw_table_has_a_key_of_its_own() -> None:
    assert SOURCE.system == "bamboohr"
    for resource in SOURCE.resources:
        assert resource.key
        assert set(resource.key) <= set(resource.schema.names)
