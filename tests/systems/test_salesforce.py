"""Our Salesforce client against the fake org over HTTP, on good days and bad ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr

from common.clock import ManualClock
from sandbox.fakes.salesforce_login import TOKEN_LIFE
from sandbox.fakes.salesforce_objects import OBJECTS, Field
from sandbox.fakes.salesforce_records import Records
from sandbox.project.salesforce import instant, native_id
from sandbox.server import Fake
from systems.errors import Fatal, InDoubt, Rejected, Retriable
from systems.salesforce.client import Client, connect
from systems.salesforce.ranges import split
from systems.salesforce.settings import SalesforceSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
ROWS = 4_100
UPSERT = "/services/data/v61.0/composite/sobjects/Invoice_Status__c/Invoice_Key__c"
QUERY = r"/services/data/v61.0/query.*"
TOKEN = "/services/oauth2/token"


class Org:
    """The fake, its clock, and what a test tells it over its control address."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.fake = Fake("salesforce", path, self.clock).start()
        self.waits: list[float] = []
        self._http = urllib3.PoolManager()

    def client(self, **changed: Any) -> Client:
        given = {k.removeprefix("THROUGHLINE_SALESFORCE_").lower(): v for k, v in self.environment().items()}
        config = SalesforceSettings(**{**given, "timeout": 5.0, **changed})
        return Client(config, self.clock, self.waits.append)

    def environment(self) -> dict[str, str]:
        return dict(self.fake.module.environment(self.fake.url))

    def plan(self, kind: str, path: str = ".*", **more: Any) -> None:
        body = json.dumps({"kind": kind, "path": path, **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def clear(self) -> None:
        self._http.request("DELETE", f"{self.fake.url}/_control/faults")
        self.fake.store.set_setting("api_limit", 1_000_000)
        self.waits.clear()

    def requests(self, what: str) -> int:
        seen = self._http.request("GET", f"{self.fake.url}/_control/requests").json()
        return sum(1 for line in seen if what in line)

    def commits(self, id_: str) -> list[str]:
        return [c.op for c in self.fake.store.commits() if c.key == id_]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    org = Org(tmp_path_factory.mktemp("salesforce") / "org.db")
    start = NOW - timedelta(days=30)
    org.fake.store.put_many(account(n, start + timedelta(minutes=n)) for n in range(ROWS))
    yield org
    org.fake.stop()


@pytest.fixture
def org(running: Org) -> Org:
    running.clear()
    return running


@pytest.fixture
def client(org: Org) -> Client:
    return org.client()


def account(number: int, at: datetime) -> tuple[str, str, dict[str, Any], datetime]:
    id_ = native_id("account", f"B{number}")
    empty = {n: False if f.type == "boolean" else None for n, f in OBJECTS["Account"].fields.items()}
    name = 'Łódź "O\'Brien" \\ {Söhne},\n2nd line' if number == 7 else f"Account {number:05d}"
    stamps = {"CreatedDate": instant(at), "SystemModstamp": instant(at)}
    return "Account", id_, {**empty, "Id": id_, "Name": name, **stamps}, at


def rows(pages: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for page in pages for line in page.splitlines()]


# -- reading --------------------------------------------------------------------------------------------------------


def test_a_read_brings_every_row_once_without_the_envelope(client: Client) -> None:
    pages = list(client.read("Account", None, ["Id", "Name", "IsDeleted", "SystemModstamp"]))
    found = rows(iter(pages))
    assert len(pages) == 3
    assert len({row["Id"] for row in found}) == len(found) == ROWS
    assert all("attributes" not in row for row in found)
    names = {row["Id"]: row["Name"] for row in found}
    assert names[native_id("account", "B7")] == 'Łódź "O\'Brien" \\ {Söhne},\n2nd line'


def test_a_large_object_is_read_in_ranges_that_miss_and_repeat_nothing(
    org: Org, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sorted(row["Id"] for row in rows(client.read("Account", None, ["Id"])))
    late = NOW - timedelta(days=29)
    later = sorted(row["Id"] for row in rows(client.read("Account", late, ["Id"])))
    monkeypatch.setattr("systems.salesforce.client.SIDE_BY_SIDE_FROM", 1_000)
    before = org.requests("/queryAll")
    assert sorted(row["Id"] for row in rows(client.read("Account", None, ["Id"]))) == whole
    assert org.requests("/queryAll") - before >= 9  # the first page, both ends, six ranges
    assert sorted(row["Id"] for row in rows(client.read("Account", late, ["Id"]))) == later
    assert 0 < len(later) < len(whole)
    org.plan("malformed_page", QUERY, skip=4)
    with pytest.raises(Fatal, match="an answer can't be read"):
        list(client.read("Account", None, ["Id"]))
    # Whoever stops taking pages leaves no thread behind.
    pages = client.read("Account", None, ["Id"])
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("salesforce_")]


def test_ranges_join_without_gap_and_equal_instants_are_one_range() -> None:
    first, last = NOW, NOW + timedelta(days=6)
    ranges = split(first, last, 6)
    assert (ranges[0][0], ranges[-1][1]) == (None, None)
    assert [end for _, end in ranges[:-1]] == [begin for begin, _ in ranges[1:]]
    assert split(NOW, NOW, 6) == [(None, None)]


def test_since_is_inclusive(client: Client) -> None:
    since = NOW - timedelta(days=30) + timedelta(minutes=ROWS - 3)
    assert len(rows(client.read("Account", since, ["Id"]))) == 3
    assert rows(client.read("Account", NOW + timedelta(days=1), ["Id"])) == []


def test_a_deleted_row_comes_as_deleted_and_its_id_stays_until_it_is_purged(org: Org, client: Client) -> None:
    gone = Records(org.fake.store, org.clock)
    made = gone.create(OBJECTS["Account"], {"Name": "Merged away"})
    assert client.read_by("Account", "Id", [made], ["Name"])[0]["Name"] == "Merged away"
    gone.delete(OBJECTS["Account"], made)
    (row,) = [r for r in rows(client.read("Account", NOW, ["Id", "IsDeleted"])) if r["Id"] == made]
    assert row["IsDeleted"] is True
    assert made in [i for page in client.read_ids("Account") for i in page]
    assert client.read_by("Account", "Id", [made], ["Name"]) == []


def test_a_custom_field_that_the_administrator_added_comes_too(
    org: Org, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTS["User"].fields, "Region__c", Field("Region__c", "string", 40))
    org.fake.store.put("User", native_id("user", "new"), {"Id": native_id("user", "new"), "Region__c": "North"}, NOW)
    assert {"Id": native_id("user", "new"), "Region__c": "North"} in rows(client.read("User", None, ["Id"]))


def test_a_field_that_the_org_lacks_is_named(client: Client) -> None:
    with pytest.raises(Fatal, match=r"salesforce: Account has no field Nope__c in this org"):
        list(client.read("Account", None, ["Id", "Nope__c"]))
    with pytest.raises(Fatal, match=r"salesforce: .*NOT_FOUND"):
        list(client.read("Nothing__c", None, ["Id"]))


def test_many_keys_are_asked_in_several_queries_that_fit_an_address(org: Org, client: Client) -> None:
    before = org.requests("/query")
    keys = [f"Account {n:05d}" for n in range(1000)] + ["O'Brien \\ none"]
    assert len(client.read_by("Account", "Name", keys, ["Id"])) == 999  # number 7 is called otherwise
    assert 2 <= org.requests("/query") - before <= 6


# -- reading on bad days --------------------------------------------------------------------------------------------


def test_a_throttled_read_waits_as_long_as_it_was_asked(org: Org, client: Client) -> None:
    org.plan("throttle", QUERY, times=2, retry_after="7")
    assert len(rows(client.read("Account", None, ["Id"]))) >= ROWS
    assert org.waits == [7.0, 7.0]


@pytest.mark.parametrize("kind", ["server_error", "drop_before", "drop_after"])
def test_a_page_that_fails_is_read_again_and_nothing_is_lost(org: Org, client: Client, kind: str) -> None:
    org.plan(kind, QUERY, skip=1, times=2)
    found = [row["Id"] for row in rows(client.read("Account", NOW - timedelta(days=31), ["Id"]))]
    assert len(found) == len(set(found)) >= ROWS


def test_a_system_that_stays_down_is_one_clear_error(org: Org, client: Client) -> None:
    org.plan("server_error", QUERY, times=50)
    with pytest.raises(Fatal, match=r"salesforce: gave up after 5 attempts: .*503"):
        list(client.read("Account", None, ["Id"]))
    assert len(org.waits) == 4


def test_half_a_page_is_one_clear_error(org: Org, client: Client) -> None:
    org.plan("malformed_page", QUERY)
    with pytest.raises(Fatal, match="salesforce: an answer can't be read"):
        list(client.read("Account", None, ["Id"]))


def test_an_answer_to_another_question_is_noticed(org: Org, client: Client) -> None:
    client.describe("Account")
    client.describe("Opportunity")
    made = Records(org.fake.store, org.clock).create(
        OBJECTS["Opportunity"], {"Name": "D", "StageName": "Qualification", "CloseDate": "2026-12-01"}
    )
    assert rows(client.read("Opportunity", None, ["Id"])) == [{"Id": made, **_customs()}]
    org.plan("duplicate_page", r"/services/data/v61.0/queryAll")
    with pytest.raises(Fatal, match="rows of something else"):
        list(client.read("Account", None, ["Id"]))


def _customs() -> dict[str, Any]:
    """A new deal's custom fields: what the org fills in by itself."""
    fields = OBJECTS["Opportunity"].fields.values()
    return {f.name: False if f.type == "boolean" else None for f in fields if f.name.endswith("__c")}


def test_an_allowance_that_is_used_up_ends_the_read_at_once(org: Org, client: Client) -> None:
    client.describe("Account")
    assert client.usage is not None
    org.fake.store.set_setting("api_limit", client.usage.used)
    with pytest.raises(Fatal, match="API calls of 24 hours are used up"):
        list(client.read("Account", None, ["Id"]))
    assert org.waits == []


# -- signing in -----------------------------------------------------------------------------------------------------


def test_an_expired_session_is_renewed_once_by_one_of_many_threads(org: Org, client: Client) -> None:
    client.describe("Account")
    org.clock.advance(TOKEN_LIFE)
    before = org.requests(TOKEN)
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait(timeout=10)
        return len(client.read_by("Account", "Name", ["Account 00001"], ["Id"]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [1] * 8
    assert org.requests(TOKEN) - before == 1


def test_a_write_on_an_expired_session_is_executed_once(org: Org, client: Client) -> None:
    client.describe("Account")
    org.clock.advance(TOKEN_LIFE)
    (done,) = client.write("Invoice_Status__c", [{"Invoice_Key__c": "expired"}], "Invoice_Key__c")
    assert done.native_id is not None
    assert org.commits(done.native_id) == ["create"]


def test_a_session_that_is_refused_again_halts_the_target(org: Org, client: Client) -> None:
    org.plan("expire_token", UPSERT, times=50)
    before = org.requests(UPSERT)
    with pytest.raises(Fatal, match="refused right after signing in"):
        client.write("Invoice_Status__c", [{"Invoice_Key__c": "locked"}], "Invoice_Key__c")
    assert org.requests(UPSERT) - before == 2
    assert client.read_by("Invoice_Status__c", "Invoice_Key__c", ["locked"], []) == []


def test_wrong_credentials_are_one_clear_error_without_the_secret(org: Org) -> None:
    wrong = org.client(client_secret=SecretStr("not-the-secret"))
    with pytest.raises(Fatal, match=r"sign-in was refused .*invalid_client_id.*THROUGHLINE_SALESFORCE_URL") as refused:
        wrong.describe("Account")
    assert "not-the-secret" not in str(refused.value)
    assert org.waits == []


def test_an_org_that_can_not_be_reached_is_one_clear_error(org: Org) -> None:
    nobody = org.client(url="http://127.0.0.1:9")
    with pytest.raises(Fatal, match="could not be reached, nothing was sent"):
        nobody.describe("Account")


def test_connect_says_which_variables_are_missing(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in org.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("THROUGHLINE_FIRM", "sandbox")
    assert connect().describe("Account")["keyPrefix"] == "001"
    monkeypatch.delenv("THROUGHLINE_SALESFORCE_CLIENT_ID")
    with pytest.raises(Fatal, match="set THROUGHLINE_SALESFORCE_CLIENT_ID"):
        connect()


# -- writing --------------------------------------------------------------------------------------------------------


def test_a_batch_has_a_result_for_each_row_in_order(org: Org, client: Client) -> None:
    deal = native_id("opportunity", "nobody")
    results = client.write(
        "Invoice_Status__c",
        [
            {"Invoice_Key__c": "b1", "Net_Amount__c": 10.5},
            {"Invoice_Key__c": "b2", "Invoice_Number__c": "9" * 41},
            {"Invoice_Key__c": "b3", "Opportunity__c": deal},
            {"Invoice_Key__c": "b4", "CurrencyIsoCode": "EUR"},
        ],
        "Invoice_Key__c",
    )
    assert [r.created for r in results] == [True, False, False, True]
    refused = [r.error for r in results[1:3]]
    assert all(isinstance(e, Rejected) for e in refused)
    assert [(e.code, e.record, e.field) for e in refused if isinstance(e, Rejected)] == [
        ("STRING_TOO_LONG", "b2", "Invoice_Number__c"),
        ("INVALID_CROSS_REFERENCE_KEY", "b3", "Opportunity__c"),
    ]
    again = client.write("Invoice_Status__c", [{"Invoice_Key__c": "b1", "Net_Amount__c": None}], "Invoice_Key__c")
    assert (again[0].native_id, again[0].created) == (results[0].native_id, False)
    (row,) = client.read_by("Invoice_Status__c", "Invoice_Key__c", ["b1"], ["Net_Amount__c"])
    assert row["Net_Amount__c"] is None


def test_an_update_by_id_makes_nothing(org: Org, client: Client) -> None:
    known, unknown = native_id("account", "B1"), native_id("account", "nobody")
    results = client.write(
        "Account", [{"Id": known, "PSA_Client_Id__c": "9"}, {"Id": unknown, "PSA_Client_Id__c": "9"}]
    )
    assert results[0].native_id == known
    assert isinstance(results[1].error, Rejected)
    assert org.commits(known) == ["update"]
    assert org.commits(unknown) == []


def test_more_rows_than_the_vendor_takes_are_not_sent(org: Org, client: Client) -> None:
    before = org.requests(UPSERT)
    with pytest.raises(ValueError, match="201 rows"):
        client.write("Invoice_Status__c", [{"Invoice_Key__c": f"m{n}"} for n in range(201)], "Invoice_Key__c")
    assert org.requests(UPSERT) == before


@pytest.mark.parametrize(
    ("kind", "more", "executed"),
    [
        ("drop_before", {}, False),
        ("drop_after", {}, True),
        ("server_error", {"status": 500}, False),
        ("server_error", {"status": 503, "retry_after": None}, False),
        ("malformed_page", {}, True),
    ],
)
def test_a_write_without_a_whole_answer_is_in_doubt_and_sent_once(
    org: Org, client: Client, kind: str, more: dict[str, Any], executed: bool
) -> None:
    key = f"doubt-{kind}-{more.get('status', '')}"
    client.describe("Account")
    org.plan(kind, UPSERT, **more)
    before = org.requests(UPSERT)
    with pytest.raises(InDoubt, match=r"^salesforce: "):
        client.write("Invoice_Status__c", [{"Invoice_Key__c": key}], "Invoice_Key__c")
    assert org.requests(UPSERT) - before == 1
    assert bool(client.read_by("Invoice_Status__c", "Invoice_Key__c", [key], [])) is executed


@pytest.mark.parametrize(
    ("kind", "more", "after"),
    [
        ("throttle", {"retry_after": "30"}, 30.0),
        ("throttle", {"retry_after": "Thu, 15 Oct 2099 06:00:00 GMT"}, None),
        ("throttle", {"retry_after": None}, 1.0),
        ("server_error", {"status": 503, "retry_after": "9"}, 9.0),
    ],
)
def test_a_throttled_write_was_not_executed(
    org: Org, client: Client, kind: str, more: dict[str, Any], after: float | None
) -> None:
    org.plan(kind, UPSERT, **more)
    with pytest.raises(Retriable) as refused:
        client.write("Invoice_Status__c", [{"Invoice_Key__c": "throttled"}], "Invoice_Key__c")
    assert refused.value.after == after if after is not None else refused.value.after > 86_400 * 365
    assert client.read_by("Invoice_Status__c", "Invoice_Key__c", ["throttled"], []) == []


def test_a_request_that_is_refused_whole_names_no_row_and_did_nothing(client: Client) -> None:
    bad = [{"Invoice_Key__c": "w1"}, {"Invoice_Key__c": "w2", "Net_Amount__c": "ten"}]
    with pytest.raises(Rejected, match=r"whole request was refused .*JSON_PARSER_ERROR") as refused:
        client.write("Invoice_Status__c", bad, "Invoice_Key__c")
    assert refused.value.record is None
    assert client.read_by("Invoice_Status__c", "Invoice_Key__c", ["w1", "w2"], []) == []


def test_a_write_beyond_the_allowance_may_go_again_later(org: Org, client: Client) -> None:
    client.describe("Account")
    assert client.usage is not None
    org.fake.store.set_setting("api_limit", client.usage.used)
    with pytest.raises(Retriable) as refused:
        client.write("Invoice_Status__c", [{"Invoice_Key__c": "quota"}], "Invoice_Key__c")
    assert (refused.value.code, refused.value.after) == ("REQUEST_LIMIT_EXCEEDED", 3_600.0)
    assert client.usage.used == client.usage.limit


def test_an_object_that_the_org_lacks_halts_the_target(client: Client) -> None:
    with pytest.raises(Fatal, match="NOT_FOUND"):
        client.write("Nothing__c", [{"Key__c": "1"}], "Key__c")
