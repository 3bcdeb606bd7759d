"""Kantata's writer against the fake: one create a key, outcomes, read-back, and updates that leave one state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr

from common.clock import ManualClock
from reverse_etl.spec import Acked, BatchRefused, Doubt, Found, Operation, RejectedRow, SyncSpec, Throttled
from reverse_etl.syncs import sync
from reverse_etl.writers.kantata import KantataWriter, connect
from sandbox.fakes.kantata import TOKEN, created_keys
from sandbox.project.kantata import native_id
from sandbox.server import Fake
from sandbox.truth import Customer, Truth
from systems.errors import Fatal
from systems.kantata.client import Client
from systems.kantata.settings import KantataSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SPEC: SyncSpec = sync("sandbox", "kantata__project")
CREATE = "/api/v1/workspaces.json"
SETTLE = timedelta(seconds=180)
CLIENT = native_id("customer", "C0001")
PAYLOAD: dict[str, Any] = {
    "title": "O'Brien & Söhne: relaunch",
    "workspace_group_id": CLIENT,
    "currency": "EUR",
    "start_date": "2026-11-01",
    "due_date": "2027-03-31",
    "opportunity_ref": "salesforce:006A",
    "contract_ref": "salesforce:800A",
    "legal_entity": "DE01",
    "billing_method": "time_and_materials",
    "service_line": "strategy",
}


def truth() -> Truth:
    """A firm with one client and nothing else."""
    customer = Customer(
        "C0001", "Söhne", "Söhne GmbH", "DE", "EUR", "Retail", "soehne.example", "DE1", "DE01", 30, None,
        "sales@firm.example", NOW - timedelta(days=90), NOW - timedelta(days=60), None,
    )  # fmt: skip
    none: tuple[Any, ...] = ()
    start = datetime(2024, 10, 1, tzinfo=UTC)
    return Truth(
        start, NOW, none, none, none, (customer,), none, none, none, none, none, none, none, none, none, none, none
    )


class Account:
    """The running fake with the writer on it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.fake = Fake("kantata", path, self.clock)
        self.fake.fill(truth())
        self.fake.start()
        self._http = urllib3.PoolManager()
        config = KantataSettings(url=f"{self.fake.url}/api/v1", token=SecretStr(TOKEN), timeout_seconds=0.5)
        self.client = Client(config, self.clock, lambda _: None)
        self.writer = KantataWriter(self.client)

    def plan(self, kind: str, path: str, **more: Any) -> None:
        body = json.dumps({"kind": kind, "path": path, **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def requests(self) -> list[str]:
        return list(json.loads(self._http.request("GET", f"{self.fake.url}/_control/requests").data))

    def writes(self) -> list[str]:
        return [r for r in self.requests() if not r.startswith("GET")]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    account = Account(tmp_path / "k.db")
    yield account
    account.fake.stop()


def operation(key: str = "opp:006A:1", op: str = "create", native: str | None = None, **changed: Any) -> Operation:
    payload = {**PAYLOAD, **changed}
    return Operation(f"delivery-{key}", key, op, payload, native, f"request-{key}")  # type: ignore[arg-type]


def only_acked(outcomes: list[Any]) -> Acked:
    (outcome,) = outcomes
    assert isinstance(outcome, Acked), outcome
    return outcome


def test_a_created_project_reads_back_as_it_was_sent(account: Account) -> None:
    acked = only_acked(account.writer.send(SPEC, [operation()]))
    assert account.writes() == [f"POST {CREATE}"]
    assert account.writer.read_back(SPEC, ["opp:006A:1", "opp:006A:2"]) == {
        "opp:006A:1": Found(acked.native_id, PAYLOAD)
    }
    assert datetime.fromisoformat(acked.modstamp or "") == NOW
    assert set(SPEC.fields) == set(PAYLOAD)


def test_nulls_read_back_as_nulls(account: Account) -> None:
    nothing = {
        "workspace_group_id": None,
        "contract_ref": None,
        "start_date": None,
        "due_date": None,
        "service_line": None,
    }
    acked = only_acked(account.writer.send(SPEC, [operation(**nothing)]))
    assert account.writer.read_back(SPEC, ["opp:006A:1"]) == {
        "opp:006A:1": Found(acked.native_id, {**PAYLOAD, **nothing})
    }


def test_a_key_that_begins_like_another_is_not_it(account: Account) -> None:
    only_acked(account.writer.send(SPEC, [operation("opp:006A:10")]))
    assert account.writer.read_back(SPEC, ["opp:006A:1"]) == {}


def test_several_creates_travel_in_one_request(account: Account) -> None:
    keys = [f"opp:bulk{n}:1" for n in range(20)]
    outcomes = account.writer.send(SPEC, [operation(key, title=key) for key in keys])
    assert account.writes() == [f"POST {CREATE}"]
    found = account.writer.read_back(SPEC, keys)
    for key, outcome in zip(keys, outcomes, strict=True):
        assert isinstance(outcome, Acked)
        assert (found[key].native_id, found[key].fields["title"]) == (outcome.native_id, key)


def test_a_bad_row_of_many_refuses_the_batch_and_alone_itself(account: Account) -> None:
    bad = operation("opp:bad:1", title="")
    outcomes = account.writer.send(SPEC, [operation(), bad])
    assert [type(o) for o in outcomes] == [BatchRefused, BatchRefused]
    assert created_keys(account.fake.store) == []
    (outcome,) = account.writer.send(SPEC, [bad])
    assert isinstance(outcome, RejectedRow)
    assert (outcome.field, outcome.code) == ("title", "validation")


def test_what_cannot_be_sent_is_refused_before_anything_is(account: Account) -> None:
    with pytest.raises(ValueError, match="final there"):
        account.writer.send(SPEC, [operation(op="delete", native="1")])
    with pytest.raises(ValueError, match="one update"):
        account.writer.send(SPEC, [operation(), operation("opp:006B:1", op="update", native="1")])
    with pytest.raises(ValueError, match="up to 20"):
        account.writer.send(SPEC, [operation(f"opp:{n}:1") for n in range(21)])
    assert account.writer.send(SPEC, []) == []
    assert account.writes() == []


@pytest.mark.parametrize(
    ("fault", "expected", "happened"),
    [
        ({"kind": "throttle", "retry_after": None}, Throttled, False),
        ({"kind": "server_error", "status": 502}, Doubt, False),
        ({"kind": "server_error", "status": 503}, Doubt, False),
        ({"kind": "drop_before"}, Doubt, False),
        ({"kind": "hold_body"}, Doubt, False),
        ({"kind": "drop_after"}, Doubt, True),
        ({"kind": "hold_answer"}, Doubt, True),
        ({"kind": "malformed_page"}, Doubt, True),
    ],
    ids=lambda v: f"{v['kind']}-{v.get('status', '')}" if isinstance(v, dict) else None,
)
def test_one_create_a_key_whatever_the_answer(
    account: Account, fault: dict[str, Any], expected: type[Any], happened: bool
) -> None:
    account.plan(method="POST", path=CREATE, **fault)
    (outcome,) = account.writer.send(SPEC, [operation()])
    assert type(outcome) is expected
    assert account.writes() == [f"POST {CREATE}"]
    account.clock.advance(SETTLE)
    found = account.writer.read_back(SPEC, ["opp:006A:1"])
    assert ("opp:006A:1" in found) == happened
    if not happened:
        only_acked(account.writer.send(SPEC, [operation()]))
    assert created_keys(account.fake.store) == ["opp:006A:1"]


def test_a_late_commit_is_seen_by_the_read_back_after_the_settle_time(account: Account) -> None:
    account.plan("late_commit", CREATE, method="POST", delay=170)
    (outcome,) = account.writer.send(SPEC, [operation()])
    assert isinstance(outcome, Doubt)
    assert account.writer.read_back(SPEC, ["opp:006A:1"]) == {}
    account.clock.advance(SETTLE)
    assert set(account.writer.read_back(SPEC, ["opp:006A:1"])) == {"opp:006A:1"}
    assert created_keys(account.fake.store) == ["opp:006A:1"]


def test_a_wrong_token_is_fatal_and_nothing_was_executed(account: Account) -> None:
    account.writer.read_back(SPEC, ["opp:006A:1"])
    account.plan("expire_token", CREATE, method="POST")
    with pytest.raises(Fatal, match="THROUGHLINE_KANTATA_TOKEN"):
        account.writer.send(SPEC, [operation()])
    assert created_keys(account.fake.store) == []


def test_an_update_sends_what_differs(account: Account) -> None:
    made = only_acked(account.writer.send(SPEC, [operation()])).native_id
    start = len(account.writes())

    def update(**changed: Any) -> list[str]:
        before = len(account.writes())
        only_acked(account.writer.send(SPEC, [operation(op="update", native=made, **changed)]))
        found = account.writer.read_back(SPEC, ["opp:006A:1"])["opp:006A:1"]
        assert found == Found(made, {**PAYLOAD, **changed})
        return account.writes()[before:]

    assert update() == []
    assert update(title="Another") == [f"PUT /api/v1/workspaces/{made}.json"]
    assert update(title="Another", contract_ref="salesforce:800B") == ["POST /api/v1/custom_field_values.json"]
    assert update(workspace_group_id=None, contract_ref=None) == [
        f"PUT /api/v1/workspaces/{made}.json",
        *[w for w in account.writes()[start:] if w.startswith("DELETE /api/v1/custom_field_values/")],
    ]
    assert update() != []
    assert created_keys(account.fake.store) == ["opp:006A:1"]


@pytest.mark.parametrize("path", [r"/api/v1/workspaces/\d+\.json", r"/api/v1/custom_field_values\.json"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_an_update_in_doubt_is_finished_by_the_next(account: Account, path: str, kind: str) -> None:
    made = only_acked(account.writer.send(SPEC, [operation()])).native_id
    wanted = operation(op="update", native=made, title="Another", service_line="engineering")
    account.plan(kind, path)
    (outcome,) = account.writer.send(SPEC, [wanted])
    assert isinstance(outcome, Doubt)
    only_acked(account.writer.send(SPEC, [wanted]))
    found = account.writer.read_back(SPEC, ["opp:006A:1"])["opp:006A:1"]
    assert found == Found(made, {**PAYLOAD, "title": "Another", "service_line": "engineering"})
    assert only_acked(account.writer.send(SPEC, [wanted])).native_id == made


def test_an_update_of_a_project_that_is_gone(account: Account) -> None:
    made = only_acked(account.writer.send(SPEC, [operation()])).native_id
    account.fake.store.delete("workspaces", made, NOW)
    (outcome,) = account.writer.send(SPEC, [operation(op="update", native=made, title="Another")])
    assert isinstance(outcome, RejectedRow)
    assert outcome.code == "gone"


def test_an_archived_project_is_still_found(account: Account) -> None:
    made = only_acked(account.writer.send(SPEC, [operation()])).native_id
    account.client.update_workspace(made, {"archived": True}, "r")
    assert account.writer.read_back(SPEC, ["opp:006A:1"])["opp:006A:1"].native_id == made


def test_connect_reads_the_environment(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in account.fake.module.environment(account.fake.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path))
    assert connect().read_back(SPEC, ["opp:006A:1"]) == {}
