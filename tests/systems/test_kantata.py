"""Our Kantata client against the fake over HTTP, on good days and bad ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr

from common.clock import ManualClock
from sandbox.fakes.kantata import TOKEN, created_keys
from sandbox.firm import build
from sandbox.project.kantata import native_id
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.server import Fake
from sandbox.truth import Truth
from systems.errors import Fatal, InDoubt, Rejected, Retriable
from systems.kantata.client import Client, connect
from systems.kantata.listings import LISTINGS
from systems.kantata.settings import KantataSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
ENTRIES = "/api/v1/time_entries.json"
PROJECTS = "/api/v1/workspaces.json"
KEY = "throughline_key"


class Account:
    """The running fake, its faults and clients to it."""

    def __init__(self, path: Path, truth: Truth) -> None:
        self.truth = truth
        self.clock = ManualClock(NOW)
        self.waits: list[float] = []
        self.fake = Fake("kantata", path, self.clock)
        self.fake.fill(truth)
        self.fake.start()
        self.store = self.fake.store
        self._http = urllib3.PoolManager()

    def client(self, **changed: Any) -> Client:
        given = {"url": f"{self.fake.url}/api/v1", "token": SecretStr(TOKEN), "timeout_seconds": 5.0, "page_size": 50}
        return Client(KantataSettings(**{**given, **changed}), self.clock, self.waits.append)

    def plan(self, kind: str, path: str = ".*", **more: Any) -> None:
        body = json.dumps({"kind": kind, "path": path, **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def clear(self) -> None:
        self._http.request("DELETE", f"{self.fake.url}/_control/faults")
        self.waits.clear()

    def requests(self) -> list[str]:
        return list(json.loads(self._http.request("GET", f"{self.fake.url}/_control/requests").data))


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build(NOW, 7, 0.1)


@pytest.fixture(scope="module")
def module_account(tmp_path_factory: pytest.TempPathFactory, truth: Truth) -> Iterator[Account]:
    account = Account(tmp_path_factory.mktemp("kantata") / "k.db", truth)
    yield account
    account.fake.stop()


@pytest.fixture
def account(module_account: Account) -> Iterator[Account]:
    module_account.clear()
    yield module_account
    module_account.clear()


def rows(pages: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for page in pages for line in page.split(b"\n")]


def create(client: Client, *keys: str, **fields: Any) -> list[str]:
    body = {"title": "A project", "currency": "EUR", **fields}
    made = client.create_workspaces([body] * len(keys), [{KEY: key} for key in keys], "request-1")
    return [workspace.id for workspace in made]


# -- reading -------------------------------------------------------------------------------------------------------


def test_every_object_is_read_whole(account: Account) -> None:
    client = account.client(page_size=200)
    for name in LISTINGS:
        found = rows(client.read(name, None, []))
        assert len(found) == account.store.count(name) > 0, name
        assert len({row["id"] for row in found}) == len(found)
        assert not any(isinstance(value, dict | list) for row in found for value in row.values()), name


def test_hours_arrive_as_they_are(account: Account) -> None:
    stored = {r.id: r.record for r in account.store.select("time_entries")}
    found = {row["id"]: row for row in rows(account.client(page_size=200).read("time_entries", None, []))}
    assert found == stored


def test_nested_values_are_made_flat(account: Account) -> None:
    entry = next(p for p in account.truth.projects if p.opportunity_id and p.created_at)
    found = {row["id"]: row for row in rows(account.client().read("workspaces", None, []))}
    row = found[native_id("project", entry.id)]
    assert row["cf_opportunity_ref"] == f"salesforce:{salesforce_id('opportunity', entry.opportunity_id or '')}"
    assert row["cf_project_number"] == entry.id
    assert row["status_message"]
    assert row["primary_workspace_group_id"] == native_id("customer", entry.customer_id)
    assert row["primary_maven_id"] == native_id("resource", entry.manager_id)
    groups = {row["id"]: row for row in rows(account.client().read("workspace_groups", None, []))}
    customer = groups[native_id("customer", entry.customer_id)]
    assert customer["ref_salesforce"] == salesforce_id("account", entry.customer_id)


def test_what_changed_since(account: Account) -> None:
    client = account.client()
    for name, back in (("time_entries", 2), ("timesheet_submissions", 7), ("resolutions", 7), ("stories", 200)):
        stamps = {r.id: datetime.fromisoformat(r.record["updated_at"]) for r in account.store.select(name)}
        since = max(at for at in stamps.values() if at <= NOW - timedelta(days=back))
        # The row that changed in the very second of the mark comes too.
        expected = {i for i, at in stamps.items() if at >= since}
        assert {row["id"] for row in rows(client.read(name, since, []))} == expected, name
        assert rows(client.read(name, NOW + timedelta(days=1), [])) == []


def test_status_changes_since_ask_changed_workspaces_only(account: Account) -> None:
    stamps = {
        r.id: datetime.fromisoformat(r.record["created_at"]) for r in account.store.select("workspace_status_changes")
    }
    since = sorted(stamps.values())[-3]
    before = len(account.requests())
    found = rows(account.client().read("workspace_status_changes", since, []))
    assert {row["id"] for row in found} == {i for i, at in stamps.items() if at >= since}
    asked = Counter(account.requests()[before:])["GET /api/v1/workspace_status_changes.json"]
    assert asked < account.store.count("workspaces")


def test_ids_for_the_sweep(account: Account) -> None:
    for name in ("time_entries", "stories"):
        ids = [i for page in account.client().read_ids(name) for i in page]
        assert sorted(ids) == sorted(r.id for r in account.store.select(name))


def test_an_unknown_object_is_refused_before_anything_is_sent(account: Account) -> None:
    before = len(account.requests())
    with pytest.raises(Fatal, match="no object named 'weather'"):
        rows(account.client().read("weather", None, []))
    assert len(account.requests()) == before


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "throttle", "retry_after": None},
        {"kind": "server_error", "status": 503, "retry_after": None},
        {"kind": "server_error", "status": 500},
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "malformed_page"},
        {"kind": "duplicate_page"},
    ],
    ids=lambda f: f"{f['kind']}-{f.get('status', '')}",
)
def test_a_read_outlives_a_bad_answer(account: Account, fault: dict[str, Any]) -> None:
    account.plan(path=ENTRIES, times=3, skip=4, **fault)
    ids = [row["id"] for row in rows(account.client(page_size=200).read("time_entries", None, []))]
    assert sorted(ids) == sorted(r.id for r in account.store.select("time_entries"))
    assert account.waits


def test_a_throttle_without_a_time_waits_as_set(account: Account) -> None:
    account.plan("throttle", PROJECTS, retry_after=None)
    rows(account.client(throttle_seconds=7.0).read("workspaces", None, []))
    assert account.waits == [7.0]


def test_a_page_that_stays_broken_is_one_clear_error(account: Account) -> None:
    account.plan("malformed_page", ENTRIES, times=1_000)
    with pytest.raises(Fatal, match=r"kantata: gave up after 5 attempts.*a page of time_entries that can't be read"):
        rows(account.client().read("time_entries", None, []))


def test_a_listing_that_shifts_under_our_hands_is_read_again(account: Account) -> None:
    client = account.client(page_size=10, parallel=1)
    pages = client._page
    calls: list[int] = []

    def shifting(name: str, query: Any, number: int = 1) -> Any:
        # Somebody deletes a story between the first page and the second, once.
        calls.append(number)
        if len(calls) == 2:
            account.store.delete("stories", first_id, NOW, origin="firm")
        return pages(name, query, number)

    # An extra story, so that the firm's own stay.
    first_id = "1"
    account.store.put(
        "stories",
        first_id,
        {"id": first_id, "created_at": "2001-01-01T00:00:00+00:00", "updated_at": "2001-01-01T00:00:00+00:00"},
        NOW,
    )
    client._page = shifting  # type: ignore[method-assign]
    found = [row["id"] for row in rows(client.read("stories", None, []))]
    assert sorted(found) == sorted(r.id for r in account.store.select("stories"))
    assert calls.count(1) == 2


def test_hours_that_do_not_add_up_are_refused(account: Account) -> None:
    client = account.client(page_size=200)
    ranges = client._work_months
    client._work_months = lambda: (ranges()[0][:-1], ranges()[1])  # type: ignore[method-assign]
    with pytest.raises(Fatal, match="rows came, but there are"):
        rows(client.read("time_entries", None, []))


def test_a_wrong_token_says_what_to_do(account: Account) -> None:
    with pytest.raises(Fatal, match="THROUGHLINE_KANTATA_TOKEN") as caught:
        rows(account.client(token=SecretStr("secret-and-wrong")).read("workspaces", None, []))
    assert "secret-and-wrong" not in str(caught.value)


def test_an_unreachable_system_is_one_clear_error(account: Account) -> None:
    with pytest.raises(Fatal, match="kantata: gave up after 5 attempts: kantata: could not be reached"):
        rows(account.client(url="http://127.0.0.1:9/api/v1").read("workspaces", None, []))


def test_connect_reads_the_environment(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in account.fake.module.environment(account.fake.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path))
    client = connect()
    assert client.instance == "main"
    assert len(rows(client.read("roles", None, []))) == 4


# -- writing -------------------------------------------------------------------------------------------------------


def test_create_and_find_by_the_whole_key(account: Account) -> None:
    client = account.client()
    one, ten = create(client, "opp:006A:1", "opp:006A:10")
    found = client.find_workspaces(KEY, ["opp:006A:1", "opp:006A:10", "opp:006A:7"])
    assert {key: [w.id for w in made] for key, made in found.items()} == {"opp:006A:1": [one], "opp:006A:10": [ten]}
    assert found["opp:006A:1"][0].record["title"] == "A project"
    assert client.find_workspaces(KEY, []) == {}


def test_many_keys_are_found_in_parts(account: Account) -> None:
    client = account.client()
    keys = [f"opp:many{n}:1" for n in range(45)]
    made = create(client, *keys)
    found = client.find_workspaces(KEY, keys)
    assert [found[key][0].id for key in keys] == made


def test_update_and_custom_fields(account: Account) -> None:
    client = account.client()
    (id_,) = create(client, "opp:006U:1")
    assert (
        client.update_workspace(id_, {"title": "Another", "due_date": "2027-01-31"}, "r").record["title"] == "Another"
    )
    client.set_custom_fields(id_, {"service_line": "strategy", "billing_method": "retainer"}, "r")
    now = client.workspace(id_)
    assert now is not None
    assert now.record["due_date"] == "2027-01-31"
    assert now.custom_fields == {KEY: "opp:006U:1", "service_line": "strategy", "billing_method": "retainer"}
    for _ in range(2):
        client.clear_custom_field(now.value_ids["billing_method"], "r")
    now = client.workspace(id_)
    assert now is not None
    assert now.custom_fields == {KEY: "opp:006U:1", "service_line": "strategy"}
    assert client.workspace("99") is None


def test_a_reference_is_found_and_upserted(account: Account) -> None:
    client = account.client()
    customer = next(c for c in account.truth.customers if c.known_to_psa_at and c.known_to_psa_at <= NOW)
    account_id = salesforce_id("account", customer.id)
    group = native_id("customer", customer.id)
    assert client.find_by_reference("WorkspaceGroup", "salesforce", account_id) == [group]
    for _ in range(2):
        client.set_reference("WorkspaceGroup", group, "netsuite", "customer", "20001", "r")
    assert client.find_by_reference("WorkspaceGroup", "netsuite", "20001") == [group]


def test_a_refused_record_names_the_field(account: Account) -> None:
    client = account.client()
    with pytest.raises(Rejected, match="Please give your project a title") as caught:
        create(client, "opp:006R:1", title="")
    assert (caught.value.field, caught.value.code) == ("title", "validation")
    with pytest.raises(Rejected):
        client.update_workspace("99", {"title": "x"}, "r")


def test_a_missing_custom_field_is_fatal_and_says_where_to_make_it(account: Account) -> None:
    before = len(account.store.commits("workspaces"))
    with pytest.raises(Fatal, match="no custom field 'colour' on Workspace"):
        account.client().create_workspaces([{"title": "x"}], [{"colour": "red"}], "r")
    assert len(account.store.commits("workspaces")) == before


@pytest.mark.parametrize(
    ("fault", "error", "happened"),
    [
        ({"kind": "throttle", "retry_after": None}, Retriable, False),
        ({"kind": "server_error", "status": 500}, InDoubt, False),
        ({"kind": "server_error", "status": 503, "retry_after": None}, InDoubt, False),
        ({"kind": "drop_before"}, InDoubt, False),
        ({"kind": "hold_body"}, InDoubt, False),
        ({"kind": "drop_after"}, InDoubt, True),
        ({"kind": "hold_answer"}, InDoubt, True),
        ({"kind": "malformed_page"}, InDoubt, True),
        ({"kind": "expire_token"}, Fatal, False),
    ],
    ids=lambda v: f"{v['kind']}-{v.get('status', '')}" if isinstance(v, dict) else None,
)
def test_a_write_is_sent_once_and_never_guessed(
    account: Account, fault: dict[str, Any], error: type[Exception], happened: bool
) -> None:
    client = account.client(timeout_seconds=0.4)
    client.find_workspaces(KEY, ["opp:nobody:1"])
    key = f"opp:{fault['kind']}{fault.get('status', '')}:1"
    before = len(account.requests())
    account.plan(method="POST", path=PROJECTS, **fault)
    with pytest.raises(error) as caught:
        create(client, key)
    assert type(caught.value) is error
    assert account.requests()[before:] == [f"POST {PROJECTS}"]
    assert created_keys(account.store).count(key) == int(happened)
    assert (key in client.find_workspaces(KEY, [key])) == happened


def test_a_late_commit_appears_after_the_settle_time(account: Account) -> None:
    client = account.client()
    client.find_workspaces(KEY, ["opp:nobody:1"])
    account.plan("late_commit", PROJECTS, method="POST", delay=150)
    with pytest.raises(InDoubt):
        create(client, "opp:late:1")
    assert client.find_workspaces(KEY, ["opp:late:1"]) == {}
    account.clock.advance(timedelta(seconds=180))
    assert len(client.find_workspaces(KEY, ["opp:late:1"])["opp:late:1"]) == 1


def test_an_unreachable_system_got_no_write(account: Account) -> None:
    client = account.client()
    client.find_workspaces(KEY, ["opp:nobody:1"])
    client._http.base_url = "http://127.0.0.1:9/api/v1"
    with pytest.raises(Retriable, match="nothing was sent"):
        create(client, "opp:unreachable:1")
