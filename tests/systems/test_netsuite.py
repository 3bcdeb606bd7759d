"""Our NetSuite client against the fake account over HTTP, on good days and bad ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr

from common.clock import ManualClock
from sandbox.firm import build
from sandbox.project import netsuite as books
from sandbox.server import Fake
from systems.errors import Fatal, InDoubt, PeriodClosed, Rejected, Retriable
from systems.netsuite.client import Client, connect
from systems.netsuite.queries import QUERIES
from systems.netsuite.settings import NetSuiteSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SUITEQL = "/services/rest/query/v1/suiteql"
CUSTOMER = "/services/rest/record/v1/customer/.*"
LINE = ["uniquekey", "transaction", "foreignamount", "linelastmodifieddate"]
BODY = {"companyName": "Harbor", "subsidiary": {"id": "1"}}


class Account:
    """The fake, its clock, and what a test tells it over its control address."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.truth = build(NOW, 20261015, 0.1)
        self.fake = Fake("netsuite", path, self.clock)
        self.fake.fill(self.truth)
        self.fake.start()
        self.waits: list[float] = []
        self._http = urllib3.PoolManager()

    def client(self, **changed: Any) -> Client:
        given = {k.removeprefix("THROUGHLINE_NETSUITE_").lower(): v for k, v in self.environment().items()}
        config = NetSuiteSettings(**{**given, "timeout": 3.0, **changed})
        return Client(config, self.clock, self.waits.append)

    def environment(self) -> dict[str, str]:
        return dict(self.fake.module.environment(self.fake.url))

    def plan(self, kind: str, path: str, **more: Any) -> None:
        body = json.dumps({"kind": kind, "path": path, **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def clear(self) -> None:
        self._http.request("DELETE", f"{self.fake.url}/_control/faults")
        self.waits.clear()

    def creates(self, external_id: str) -> int:
        ids = {s.id for s in self.fake.store.find("customer", "externalid", external_id)}
        return sum(1 for c in self.fake.store.commits("customer") if c.key in ids and c.op == "create")

    def truth_ids(self, table: str) -> set[str]:
        return {row.id for row in books.project(self.truth, NOW) if row.object == table}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    account = Account(tmp_path_factory.mktemp("netsuite") / "account.db")
    yield account
    account.fake.stop()


@pytest.fixture
def account(running: Account) -> Account:
    running.clear()
    return running


@pytest.fixture
def client(account: Account) -> Client:
    return account.client()


def rows(pages: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for page in pages for line in page.split(b"\n")]


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_full_read_brings_every_row_once(account: Account, concurrency: int) -> None:
    found = rows(account.client(concurrency=concurrency).read("transactionline", None, LINE))
    assert len(found) > 5_000
    assert sorted(row["uniquekey"] for row in found) == sorted(account.truth_ids("transactionline"))
    assert all("links" not in row for row in found)


def test_every_object_can_be_read_with_its_key_and_stamp(client: Client) -> None:
    for name, spec in QUERIES.items():
        found = rows(client.read(name, None, list(spec.order())))
        keys = [tuple(row[column] for column in spec.key) for row in found]
        assert keys, name
        assert len(set(keys)) == len(keys), name
        assert sorted("|".join(key) for key in keys) == sorted(i for page in client.read_ids(name) for i in page), name


def test_a_later_read_brings_what_changed_since_ties_included(account: Account, client: Client) -> None:
    stamps = sorted(row.modified for row in books.project(account.truth, NOW) if row.object == "transactionline")
    # The stamp of a document with many lines: they all carry it.
    since = max(set(stamps), key=stamps.count)
    found = rows(client.read("transactionline", since, LINE))
    assert len(found) == sum(1 for stamp in stamps if stamp >= since)
    assert min(row["linelastmodifieddate"] for row in found) == f"{since:%Y-%m-%dT%H:%M:%SZ}"


def test_ties_longer_than_a_page_lose_nothing(account: Account, client: Client) -> None:
    at = NOW - timedelta(days=3000)
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}"
    many = [str(9_900_000 + n) for n in range(2_345)]
    account.fake.store.put_many(
        ("timebill", id_, {"id": id_, "timetype": "B", "lastmodifieddate": stamp}, at) for id_ in many
    )
    found = {row["id"] for row in rows(client.read("timebill", at, ["id", "lastmodifieddate"]))}
    assert found >= set(many)
    for id_ in many:
        account.fake.store.delete("timebill", id_, NOW, origin="firm")


def test_dates_and_instants_keep_their_time_of_day(account: Account, client: Client) -> None:
    found = {row["id"]: row for row in rows(client.read("transaction", None, ["id", "trandate", "custbody_posted_at"]))}
    invoice = next(i for i in account.truth.invoices if i.posted_at and i.posted_at < NOW)
    row = found[books.native_id("invoice", invoice.id)]
    assert invoice.posted_at is not None
    assert row["trandate"] == invoice.invoice_date.isoformat()
    assert row["custbody_posted_at"] == f"{invoice.posted_at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_read_that_is_left_early_ends_its_threads(client: Client) -> None:
    pages = client.read("transactionline", None, LINE)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("suiteql")]


@pytest.mark.parametrize(
    ("kind", "more"),
    [("throttle", {}), ("server_error", {"status": 502}), ("drop_before", {}), ("drop_after", {})],
)
def test_a_read_survives_a_bad_moment(account: Account, kind: str, more: dict[str, Any]) -> None:
    account.plan(kind, SUITEQL, times=2, **more)
    found = rows(account.client().read("transaction", None, ["id", "lastmodifieddate"]))
    assert len(found) == len(account.truth_ids("transaction"))
    assert account.waits


def test_a_system_that_stays_away_is_one_clear_error(account: Account) -> None:
    account.plan("server_error", SUITEQL, times=50)
    with pytest.raises(Fatal, match="netsuite: gave up after 5 attempts"):
        rows(account.client(concurrency=1).read("customer", None, ["id"]))


def test_a_broken_page_names_the_system(account: Account, client: Client) -> None:
    account.plan("malformed_page", SUITEQL)
    with pytest.raises(Fatal, match="netsuite: an answer can't be read"):
        rows(client.read("customer", None, ["id"]))


def test_a_missing_column_is_fatal_and_named(client: Client) -> None:
    with pytest.raises(Fatal, match="shoesize"):
        rows(client.read("customer", None, ["id", "shoesize"]))
    with pytest.raises(Fatal, match="planets"):
        rows(client.read("planets", None, ["id"]))


def test_wrong_credentials_say_which_variables(account: Account) -> None:
    with pytest.raises(Fatal, match="_TOKEN_SECRET") as caught:
        rows(account.client(token_secret=SecretStr("guessed-by-somebody")).read("currency", None, ["id"]))
    assert "guessed-by-somebody" not in str(caught.value)


def test_an_unreachable_account_is_fatal(account: Account) -> None:
    with pytest.raises(Fatal, match="could not be reached"):
        rows(account.client(url="http://127.0.0.1:9").read("currency", None, ["id"]))


# -- writing ----------------------------------------------------------------------------------------------------------


def test_an_upsert_has_one_effect_however_often_it_is_sent(account: Account, client: Client) -> None:
    first = client.upsert("customer", "w_1", BODY, "request-1")
    again = client.upsert("customer", "w_1", {**BODY, "companyName": "Harbor Group"}, "request-2")
    assert first.native_id == again.native_id
    assert account.creates("w_1") == 1
    record = client.get("customer", "w_1")
    assert record is not None
    assert (record["id"], record["companyName"]) == (first.native_id, "Harbor Group")
    trail = [c.request_id for c in account.fake.store.commits("customer") if c.key == first.native_id]
    assert trail == ["request-1", "request-2"]


def test_what_is_not_there_is_none(client: Client) -> None:
    assert client.get("customer", "nobody") is None


def test_a_deleted_record_is_gone(client: Client) -> None:
    client.upsert("customer", "w_gone", BODY)
    client.delete("customer", "w_gone")
    assert client.get("customer", "w_gone") is None
    with pytest.raises(Rejected):
        client.delete("customer", "w_gone")


@pytest.mark.parametrize(
    ("kind", "more", "meaning", "executed"),
    [
        ("throttle", {"retry_after": "7"}, Retriable, False),
        ("throttle", {"retry_after": None}, Retriable, False),
        ("server_error", {"status": 503}, Retriable, False),
        ("server_error", {"status": 500, "retry_after": None}, InDoubt, False),
        ("drop_before", {}, InDoubt, False),
        ("drop_after", {}, InDoubt, True),
        ("hold_answer", {}, InDoubt, True),
        ("expire_token", {}, Fatal, False),
    ],
)
def test_what_a_lost_write_means(
    account: Account, kind: str, more: dict[str, Any], meaning: type[Exception], executed: bool
) -> None:
    external_id = f"w_{kind}_{len(str(more))}"
    account.plan(kind, CUSTOMER, method="PUT", **more)
    with pytest.raises(meaning) as caught:
        account.client().upsert("customer", external_id, BODY)
    assert account.creates(external_id) == int(executed)
    assert account.waits == []
    if isinstance(caught.value, Retriable) and more.get("retry_after"):
        assert caught.value.after == 7.0


def test_a_refusal_names_the_field(client: Client) -> None:
    with pytest.raises(Rejected) as caught:
        client.upsert("customer", "w_bad", {"companyName": "X", "subsidiary": {"id": "99"}})
    assert (caught.value.field, caught.value.record, caught.value.code) == ("subsidiary", "w_bad", "INVALID_CONTENT")
    with pytest.raises(Rejected, match="external id"):
        client.upsert("customer", "a|b", BODY)
    with pytest.raises(Fatal, match="no such type"):
        client.upsert("planet", "w_bad", BODY)


def test_a_closed_period_is_told_apart(account: Account, client: Client) -> None:
    person = account.truth.resources[0]
    body = {"employee": {"id": books.native_id("employee", person.id)}, "tranDate": "2026-01-15", "hours": 8}
    with pytest.raises(PeriodClosed, match="Jan 2026 is closed"):
        client.upsert("timebill", "w_time", body)
    assert client.upsert("timebill", "w_time", {**body, "tranDate": "2026-10-14"}).native_id


def test_a_job_accepted_twice_is_one_job(account: Account, client: Client) -> None:
    first = client.upsert_later("customer", "w_job", BODY, "job-key")
    assert client.upsert_later("customer", "w_job", BODY, "job-key") == first
    assert account.creates("w_job") == 1


def test_the_limit_on_requests_is_retriable(account: Account, client: Client) -> None:
    account.fake.store.set_setting("concurrency_limit", 0)
    try:
        with pytest.raises(Retriable, match="CONCURRENCY_LIMIT_EXCEEDED"):
            client.upsert("customer", "w_busy", BODY)
    finally:
        account.fake.store.set_setting("concurrency_limit", 15)
    assert account.creates("w_busy") == 0


# -- the environment --------------------------------------------------------------------------------------------------


def test_connect_takes_the_account_of_the_environment(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in account.environment().items():
        monkeypatch.setenv(name, value)
    assert connect().lookup("currency", "symbol")["EUR"] == books.currency_id("EUR")
    monkeypatch.delenv("THROUGHLINE_NETSUITE_TOKEN_SECRET")
    with pytest.raises(Fatal, match="set THROUGHLINE_NETSUITE_TOKEN_SECRET"):
        connect()
