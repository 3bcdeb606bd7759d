"""The fake account judged by a client that nobody here wrote: `netsuite`, over TLS with a throw-away authority.

Below that, by plain requests: what that client can't send. Signatures there are made by oauthlib, which the fake does
not use.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import oauthlib.oauth1
import pytest
import trustme
import urllib3
from netsuite import Config, NetSuite
from netsuite.config import TokenAuth
from netsuite.exceptions import NetsuiteAPIRequestError

from common.clock import ManualClock, SystemClock
from sandbox.fakes.netsuite import CREDENTIALS
from sandbox.firm import build
from sandbox.project import netsuite as books
from sandbox.project import salesforce
from sandbox.server import Fake
from sandbox.truth import Truth

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SUITEQL = "/services/rest/query/v1/suiteql"
CUSTOMER = "/services/rest/record/v1/customer"


class Account:
    """The running fake, the firm in it and the ways in."""

    def __init__(self, fake: Fake, truth: Truth, ca: str | None) -> None:
        self.fake, self.truth = fake, truth
        self.base = fake.url.replace("127.0.0.1", "localhost")
        self.http = urllib3.PoolManager(retries=False, ca_certs=ca)

    def api(self, **secrets: str) -> Any:
        """The independent client, pointed at the fake."""
        values = {name: getattr(CREDENTIALS, name) for name in ("consumer_key", "consumer_secret", "token_id")}
        auth = TokenAuth(**{**values, "token_secret": CREDENTIALS.token_secret, **secrets})
        api = NetSuite(Config(account=CREDENTIALS.account, auth=auth)).rest_api
        api.__dict__["hostname"] = f"localhost:{self.fake.port}"
        return api

    def signed(self, method: str, path: str, **changed: Any) -> dict[str, str]:
        values: dict[str, Any] = {
            "client_secret": CREDENTIALS.consumer_secret,
            "resource_owner_key": CREDENTIALS.token_id,
            "resource_owner_secret": CREDENTIALS.token_secret,
            "signature_method": "HMAC-SHA256",
            "realm": CREDENTIALS.account,
            "timestamp": str(int(SystemClock().now().timestamp())),
        }
        signer = oauthlib.oauth1.Client(CREDENTIALS.consumer_key, **{**values, **changed})
        return dict(signer.sign(self.url(path), http_method=method)[1])

    def url(self, path: str) -> str:
        return self.base + path

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **changed: Any
    ) -> urllib3.BaseHTTPResponse:
        sent = {**self.signed(method, path, **changed), "Prefer": "transient", **(headers or {})}
        return self.http.request(method, self.url(path), headers=sent, body=json.dumps(body) if body else None)

    def query(self, q: str, path: str = SUITEQL) -> urllib3.BaseHTTPResponse:
        return self.call("POST", path, {"q": q})

    def rows(self, q: str) -> list[dict[str, str]]:
        answer = self.query(q)
        assert answer.status == 200, answer.data
        return list(answer.json()["items"])


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("netsuite")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    key, chain, ca = (folder / name for name in ("key.pem", "chain.pem", "ca.pem"))
    certificate.private_key_pem.write_to_path(key)
    chain.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    authority.cert_pem.write_to_path(ca)
    truth = build(NOW, 20261015, 0.1)
    fake = Fake("netsuite", folder / "account.db", ManualClock(NOW), tls=(str(chain), str(key)))
    fake.fill(truth)
    # httpx, under the independent client, takes the authority to trust from here.
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(ca)
    yield Account(fake.start(), truth, str(ca))
    if before is None:
        del os.environ["SSL_CERT_FILE"]
    else:
        os.environ["SSL_CERT_FILE"] = before
    fake.stop()


@contextmanager
def refused(status: int, code: str) -> Iterator[None]:
    with pytest.raises(NetsuiteAPIRequestError) as caught:
        yield
    body = json.loads(caught.value.response_text)
    assert (caught.value.status_code, body["status"]) == (status, status)
    assert body["o:errorDetails"][0]["o:errorCode"] == code


# -- the independent client -----------------------------------------------------------------------------------------


def test_suiteql_pages_through_everything(account: Account) -> None:
    api = account.api()
    q = "SELECT uniquekey, foreignamount FROM transactionline ORDER BY uniquekey"
    seen: list[str] = []
    more = True
    while more:
        page = asyncio.run(api.suiteql(q, limit=1000, offset=len(seen)))
        assert page["count"] == len(page["items"])
        seen += [item["uniquekey"] for item in page["items"]]
        more = page["hasMore"]
        assert ("next" in {link["rel"] for link in page["links"]}) == more
    wanted = [row.id for row in books.project(account.truth, NOW) if row.object == "transactionline"]
    assert page["totalResults"] == len(seen)
    assert seen == sorted(wanted, key=int)


def test_a_record_is_upserted_and_read_back(account: Account) -> None:
    api = account.api()
    body = {"companyName": "Harbor O'Brien & Söhne", "subsidiary": {"id": "1"}, "currency": {"id": "1"}}
    assert asyncio.run(api.put("/record/v1/customer/eid:judge_1", json=body)) is None
    first = asyncio.run(api.get("/record/v1/customer/eid:judge_1"))
    assert first["companyName"] == body["companyName"]
    assert first["subsidiary"]["id"] == "1"
    asyncio.run(api.put("/record/v1/customer/eid:judge_1", json={"companyName": "Renamed"}))
    again = asyncio.run(api.get(f"/record/v1/customer/{first['id']}"))
    assert (again["id"], again["externalId"], again["companyName"]) == (first["id"], "judge_1", "Renamed")
    assert again["currency"]["id"] == "1"
    ops = [commit.op for commit in account.fake.store.commits("customer") if commit.key == first["id"]]
    assert ops == ["create", "update"]
    found = asyncio.run(api.suiteql("SELECT id FROM customer WHERE externalid = 'judge_1'"))
    assert found["items"] == [{"links": [], "id": first["id"]}]
    asyncio.run(api.delete("/record/v1/customer/eid:judge_1"))
    with refused(404, "NONEXISTENT_ID"):
        asyncio.run(api.get("/record/v1/customer/eid:judge_1"))
    gone = account.rows(f"SELECT type, recordid FROM deletedrecord WHERE recordid = {first['id']}")
    assert gone[0]["type"] == "customer"


def test_a_wrong_signature_is_refused(account: Account) -> None:
    with refused(401, "INVALID_LOGIN"):
        asyncio.run(account.api(token_secret="guessed").suiteql("SELECT id FROM currency"))
    with refused(401, "INVALID_LOGIN"):
        asyncio.run(account.api(consumer_key="unknown").suiteql("SELECT id FROM currency"))


def test_unknown_tables_and_columns_are_named(account: Account) -> None:
    for q in ("SELECT id FROM planets", "SELECT mass FROM customer", "SELECT subsidiary FROM transaction"):
        with refused(400, "INVALID_PARAMETER"):
            asyncio.run(account.api().suiteql(q))


# -- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"realm": "1_SB1"}, "parameter_rejected"),
        ({"timestamp": "1000000000"}, "timestamp_refused"),
        ({"nonce": "abc"}, "nonce_rejected"),
        ({"signature_method": "HMAC-SHA1"}, "signature_method_rejected"),
        ({"resource_owner_key": "x"}, "token_rejected"),
    ],
)
def test_each_part_of_the_passport_counts(account: Account, changed: dict[str, str], cause: str) -> None:
    answer = account.call("POST", SUITEQL, {"q": "SELECT id FROM currency"}, **changed)
    assert answer.status == 401
    assert cause in answer.headers["WWW-Authenticate"]


def test_a_passport_is_good_once_and_for_its_own_request(account: Account) -> None:
    headers = {**account.signed("POST", SUITEQL), "Prefer": "transient"}
    body = json.dumps({"q": "SELECT id FROM currency"})
    send = lambda path: account.http.request("POST", account.url(path), headers=headers, body=body)  # noqa: E731
    assert send(SUITEQL + "?limit=5").status == 401
    assert send(SUITEQL).status == 200
    again = send(SUITEQL)
    assert again.status == 401
    assert "nonce_used" in again.headers["WWW-Authenticate"]


# -- SuiteQL ----------------------------------------------------------------------------------------------------------


def test_suiteql_has_its_limits(account: Account) -> None:
    q = "SELECT id FROM currency"
    unprepared = account.call("POST", SUITEQL, {"q": q}, {"Prefer": "none"})
    assert unprepared.status == 400
    for query in ("limit=1001", "limit=0", "limit=10&offset=5", "offset=100000", "limit=many"):
        assert account.query(q, f"{SUITEQL}?{query}").status == 400, query
    for wrong in ("DELETE FROM customer", "SELECT FROM", "SELECT id FROM customer GROUP BY id", "SELECT 1"):
        assert account.query(wrong).status == 400, wrong


def test_values_are_text_dates_are_bare_and_nulls_are_absent(account: Account) -> None:
    (row,) = account.rows(
        "SELECT id, startdate, closedondate, TO_CHAR(closedondate, 'YYYY-MM-DD HH24:MI') AS At FROM accountingperiod "
        f"WHERE id = {books.native_id('period', '2025-03:DE01')}"
    )
    (period,) = (p for p in account.truth.periods if p.id == "2025-03:DE01")
    assert period.closed_at is not None
    closed = period.closed_at.astimezone(UTC)
    assert row["startdate"] == "3/1/2025"
    assert row["closedondate"] == f"{closed.month}/{closed.day}/{closed.year}"
    assert row["at"] == f"{closed:%Y-%m-%d %H:%M}"
    still_open = account.rows("SELECT id, closedondate FROM accountingperiod WHERE closed = 'F'")
    assert still_open
    assert all("closedondate" not in row for row in still_open)


def test_conditions_mean_what_they_say(account: Account) -> None:
    def ids(where: str) -> set[str]:
        return {row["id"] for row in account.rows(f"SELECT id FROM transaction WHERE {where}")}

    everything = [row.record for row in books.project(account.truth, NOW) if row.object == "transaction"]

    def true(test: Any) -> set[str]:
        return {record["id"] for record in everything if test(record)}

    assert ids("type = 'CustCred'") == true(lambda r: r["type"] == "CustCred")
    assert ids("type IN ('CustCred', 'CustPymt') AND NOT posting = 'F'") == true(lambda r: r["type"] != "CustInvc")
    assert ids("currency IS NULL") == true(lambda r: "currency" not in r)
    assert ids("foreigntotal BETWEEN 1000 AND 2000.5") == true(lambda r: 1000 <= float(r["foreigntotal"]) <= 2000.5)
    assert ids("foreigntotal < -1 AND MOD(id, 2) = 0") == true(
        lambda r: float(r["foreigntotal"]) < -1 and int(r["id"]) % 2 == 0
    )
    assert ids("trandate > TO_DATE('2026-09-30', 'YYYY-MM-DD')") == true(lambda r: r["trandate"] > "2026-09-30")
    assert ids("trandate = '9/30/2026' OR tranid LIKE 'Y%'") == true(
        lambda r: r["trandate"] == "2026-09-30" or r["tranid"].startswith("Y")
    )
    moment = everything[0]["lastmodifieddate"].replace("T", " ")
    assert everything[0]["id"] in ids(f"lastmodifieddate = TO_TIMESTAMP('{moment}', 'YYYY-MM-DD HH24:MI:SS')")


def test_two_tables_are_joined(account: Account) -> None:
    rows = account.rows(
        "SELECT t.tranid, l.subsidiary FROM transaction t INNER JOIN transactionline l ON l.transaction = t.id "
        "WHERE l.mainline = 'T' AND t.type = 'CustInvc' ORDER BY t.id"
    )
    shown = {i.number: books.native_id("subsidiary", i.legal_entity_id) for i in account.truth.invoices}
    assert len(rows) > 100
    assert all(shown[row["tranid"]] == row["subsidiary"] for row in rows)


# -- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locator", "body", "code", "where"),
    [
        ("eid:r_1", {"subsidiary": {"id": "1"}}, "USER_ERROR", "companyName"),
        ("eid:r_1", {"companyName": "X"}, "USER_ERROR", "subsidiary"),
        ("eid:r_1", {"companyName": "X", "subsidiary": {"id": "77"}}, "INVALID_CONTENT", "subsidiary"),
        ("eid:r_1", {"companyName": "X", "subsidiary": {"id": "1"}, "shoeSize": 4}, "INVALID_CONTENT", "shoeSize"),
        ("eid:r_1", {"companyName": 4, "subsidiary": {"id": "1"}}, "INVALID_VALUE", "companyName"),
        ("eid:r%7C1", {"companyName": "X", "subsidiary": {"id": "1"}}, "INVALID_ID", None),
        ("20001", {"companyName": "X"}, "INVALID_ID", None),
    ],
)
def test_a_record_must_be_right(
    account: Account, locator: str, body: dict[str, Any], code: str, where: str | None
) -> None:
    answer = account.call("PUT", f"{CUSTOMER}/{locator}", body)
    detail = answer.json()["o:errorDetails"][0]
    assert (answer.status, detail["o:errorCode"], detail.get("o:errorPath")) == (400, code, where)
    assert not account.rows("SELECT id FROM customer WHERE externalid = 'r_1'")


def test_a_change_by_internal_id_may_set_the_external_id(account: Account) -> None:
    body = {"companyName": "Changes its key", "subsidiary": {"id": "1"}}
    for key in ("k_1", "k_2"):
        assert account.call("PUT", f"{CUSTOMER}/eid:{key}", body).status == 204
    (first,) = account.rows("SELECT id FROM customer WHERE externalid = 'k_1'")
    moved = account.call("PATCH", f"{CUSTOMER}/{first['id']}", {"externalId": "k_3"})
    assert (moved.status, moved.headers["Location"].rpartition("/")[2]) == (204, first["id"])
    assert account.call("GET", f"{CUSTOMER}/eid:k_1").status == 404
    assert account.call("GET", f"{CUSTOMER}/eid:k_3").json()["id"] == first["id"]
    ops = [commit.op for commit in account.fake.store.commits("customer") if commit.key == first["id"]]
    assert ops == ["create", "update"]
    taken = account.call("PATCH", f"{CUSTOMER}/{first['id']}", {"externalId": "k_2", "companyName": "Not saved"})
    detail = taken.json()["o:errorDetails"][0]
    assert (taken.status, detail["o:errorCode"], detail["o:errorPath"]) == (400, "DUP_RCRD", "externalId")
    assert account.call("GET", f"{CUSTOMER}/eid:k_3").json()["companyName"] == body["companyName"]
    absent = account.call("PATCH", f"{CUSTOMER}/999999", {"externalId": "k_4"})
    assert (absent.status, absent.json()["o:errorDetails"][0]["o:errorCode"]) == (404, "NONEXISTENT_ID")


def time_bill(account: Account, day: str) -> dict[str, Any]:
    person = next(r for r in account.truth.resources if r.legal_entity_id == "DE01")
    return {
        "employee": {"id": books.native_id("employee", person.id)},
        "subsidiary": {"id": "1"},
        "tranDate": day,
        "hours": 7.5,
        "isBillable": True,
    }


def test_a_closed_period_takes_no_time(account: Account) -> None:
    path = "/services/rest/record/v1/timeBill/eid:t_1"
    shut = account.call("PUT", path, time_bill(account, "2026-03-10"))
    assert shut.status == 400
    assert "Mar 2026 is closed" in shut.json()["o:errorDetails"][0]["detail"]
    assert account.call("PUT", path, time_bill(account, "2026-10-10")).status == 204
    moved = account.call("PATCH", path, {"tranDate": "2026-03-10"})
    assert moved.status == 400
    shown = account.call("GET", path).json()
    assert (shown["tranDate"], shown["hours"], shown["isBillable"]) == ("2026-10-10", 7.5, True)
    (row,) = account.rows("SELECT timetype, trandate, hours FROM timebill WHERE externalid = 't_1'")
    assert row == {"links": [], "timetype": "A", "trandate": "10/10/2026", "hours": "7.5"}


def test_an_idempotency_key_is_executed_once(account: Account) -> None:
    headers = {"Prefer": "respond-async", "X-NetSuite-Idempotency-Key": "key-1"}
    body = {"companyName": "Later", "subsidiary": {"id": "1"}}
    first = account.call("POST", CUSTOMER, body, headers)
    assert first.status == 202
    again = account.call("POST", CUSTOMER, body, headers)
    assert (again.status, again.json()["title"]) == (400, "Conflict")
    assert again.json()["o:errorDetails"][0]["o:errorCode"] == "IDEMPOTENCY_ERROR"
    assert again.headers["Location"] == first.headers["Location"]
    assert len(account.rows("SELECT id FROM customer WHERE companyname = 'Later'")) == 1
    job = account.call("GET", first.headers["Location"].partition(str(account.fake.port))[2]).json()
    assert job["completed"]
    assert job["progress"] == "succeeded"


# -- the firm lives on ------------------------------------------------------------------------------------------------


def test_documents_of_pushed_projects_wait_for_their_schedule(tmp_path: Path) -> None:
    truth = build(NOW, 20261015, 0.1)
    works = {work.id: work for work in truth.projects}
    ours = [i for i in truth.invoices if works[i.project_id].created_at is None]
    assert ours
    deal = works[ours[0].project_id].opportunity_id
    customer = next(c for c in truth.customers if c.id == ours[0].customer_id)
    fake = Fake("netsuite", tmp_path / "account.db", ManualClock(NOW))
    fake.fill(truth)
    try:
        middle, end = ours[0].created_at + timedelta(hours=1), ours[0].created_at + timedelta(days=1)
        fake.live(truth, NOW, middle)
        id_ = books.native_id("invoice", ours[0].id)
        assert fake.store.get("transaction", id_) is None
        pushed = {
            "externalid": books.schedule_external_id(str(deal)),
            "custrecord_bs_project": "41999999",
            "custrecord_bs_status": "Active",
        }
        fake.store.put("customrecord_billing_schedule", "70000", pushed, middle, origin="api")
        if customer.known_to_erp_at is None:
            known = {"externalid": books.customer_external_id(customer.id), "companyname": customer.name}
            fake.store.put("customer", "60000", known, middle, origin="api")
        assert fake.live(truth, middle, end) > 0
        late = fake.store.get("transaction", id_)
        assert late is not None
        assert late.record["custbody_psa_project"] == "41999999"
        # It was made before the cursor's mark, so it is stamped as it became visible.
        assert late.record["lastmodifieddate"] == f"{end:%Y-%m-%dT%H:%M:%S}"
        assert fake.live(truth, middle, end) == 0
    finally:
        fake.stop()


def test_a_tick_leaves_what_the_api_wrote(tmp_path: Path) -> None:
    truth = build(NOW, 20261015, 0.1)
    fake = Fake("netsuite", tmp_path / "account.db", ManualClock(NOW))
    fake.fill(truth)
    try:
        known = fake.store.select("customer", limit=1)[0]
        fake.store.put("customer", known.id, {**known.record, "companyname": "Ours"}, NOW, origin="api")
        before = fake.store.count("transaction")
        assert fake.live(truth, NOW, NOW + timedelta(days=7)) > 0
        after = fake.store.get("customer", known.id)
        assert after is not None
        assert after.record["companyname"] == "Ours"
        assert fake.store.count("transaction") > before
        assert known.record["externalid"].startswith("salesforce_")
        assert known.record["externalid"][11:] in {salesforce.native_id("account", c.id) for c in truth.customers}
    finally:
        fake.stop()


def test_more_requests_at_once_than_the_account_has_are_refused(tmp_path: Path) -> None:
    fake = Fake("netsuite", tmp_path / "account.db", ManualClock(NOW)).start()
    account = Account(fake, build(NOW, 20261015, 0.1), None)
    try:
        fake.store.set_setting("concurrency_limit", 1)
        limits = account.call("GET", "/services/rest/system/v1/governanceLimits").json()
        assert limits["accountConcurrencyLimit"] == 1
        with socket.create_connection(("127.0.0.1", fake.port)) as slow:
            authorization = account.signed("POST", SUITEQL)["Authorization"]
            slow.sendall(
                f"POST {SUITEQL} HTTP/1.1\r\nHost: localhost:{fake.port}\r\nAuthorization: {authorization}\r\n"
                "Content-Length: 100\r\n\r\nhalf of it".encode()
            )
            # The slow one may need a moment to be seen; then it holds the only place.
            answers = [account.query("SELECT id FROM currency") for _ in range(200)]
        assert answers[-1].status == 429
        assert answers[-1].json()["o:errorDetails"][0]["o:errorCode"] == "CONCURRENCY_LIMIT_EXCEEDED"
        freed = [account.query("SELECT id FROM currency").status for _ in range(200)]
        assert freed[-1] == 200
    finally:
        fake.stop()
