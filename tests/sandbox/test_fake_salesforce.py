"""The fake org judged by a client that nobody here wrote: simple-salesforce, over TLS with a throw-away authority."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.login import token_login

from common.clock import ManualClock
from sandbox.fakes.salesforce_login import CLIENT_ID, CLIENT_SECRET, PASSWORD, SECURITY_TOKEN, TOKEN_LIFE, USERNAME
from sandbox.fakes.salesforce_objects import OBJECTS
from sandbox.fakes.salesforce_records import Records
from sandbox.firm import build
from sandbox.project.salesforce import STAGES, instant, native_id
from sandbox.server import Fake

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
ACCOUNTS = 4_500


def blank(name: str, id_: str, at: datetime) -> dict[str, Any]:
    """A record without values, as the org keeps it."""
    empty = {n: False if f.type == "boolean" else None for n, f in OBJECTS[name].fields.items()}
    return empty | {"Id": id_, "CreatedDate": instant(at), "SystemModstamp": instant(at)}


class Org:
    """The running fake and how to reach it."""

    def __init__(self, fake: Fake, clock: ManualClock, ca: str) -> None:
        self.fake, self.clock, self.ca = fake, clock, ca

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win over the next line
        session.verify = self.ca
        return session

    def sign_in(self) -> Salesforce:
        session = self.session()
        session_id, instance = SalesforceLogin(
            USERNAME, PASSWORD, SECURITY_TOKEN, session=session, scratch_url=self.fake.url, sf_version="61.0"
        )
        return Salesforce(session_id=session_id, instance=instance, session=session, version="61.0")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    folder = tmp_path_factory.mktemp("salesforce")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["cert"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    clock = ManualClock(NOW)
    fake = Fake("salesforce", folder / "org.db", clock, tls=(str(files["cert"]), str(files["key"]))).start()
    stamp = NOW - timedelta(days=30)
    fake.store.put_many(_account(n, stamp + timedelta(minutes=n)) for n in range(ACCOUNTS))
    yield Org(fake, clock, str(files["ca"]))
    fake.stop()


def _account(number: int, at: datetime) -> tuple[str, str, dict[str, Any], datetime]:
    id_ = native_id("account", f"B{number}")
    name = "Müller & O'Brien \\ Söhne" if number == 7 else f"Account {number:05d}"
    record = blank("Account", id_, at) | {"Name": name, "BillingCountryCode": "DE" if number % 2 else None}
    return "Account", id_, record, at


@pytest.fixture
def org(filled: Org) -> Iterator[Org]:
    yield filled
    filled.fake.store.set_setting("api_limit", 1_000_000)


@pytest.fixture
def sf(org: Org) -> Salesforce:
    return org.sign_in()


# -- signing in -----------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_refused(org: Org) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        SalesforceLogin(USERNAME, "wrong", SECURITY_TOKEN, session=org.session(), scratch_url=org.fake.url)


def test_oauth_grants_as_the_independent_client_reads_them(org: Org) -> None:
    address = f"{org.fake.url}/services/oauth2/token"
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token, instance = token_login(address, form, "x", CLIENT_ID, None, None, org.session())
    client = Salesforce(session_id=token, instance=instance, session=org.session(), version="61.0")
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] == ACCOUNTS
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client_id"):
        token_login(address, form | {"client_secret": "no"}, "x", CLIENT_ID, None, None, org.session())


def test_a_refresh_token_brings_a_new_session_and_a_made_up_one_does_not(org: Org) -> None:
    address = f"{org.fake.url}/services/oauth2/token"
    known = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    form = known | {"grant_type": "password", "username": USERNAME, "password": PASSWORD}
    first = org.session().post(address, form).json()
    again = known | {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert org.session().post(address, again).json()["access_token"] != first["access_token"]
    refused = org.session().post(address, again | {"refresh_token": "made-up"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_session_runs_out(org: Org) -> None:
    client = org.sign_in()
    assert client.limits()["DailyApiRequests"]["Max"] > 0
    org.clock.advance(TOKEN_LIFE)
    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        client.limits()
    assert org.sign_in().limits()


# -- queries --------------------------------------------------------------------------------------------------------


def test_query_all_follows_locators_over_pages(sf: Salesforce) -> None:
    first = sf.query("SELECT Id, Name FROM Account ORDER BY Name")
    assert (len(first["records"]), first["totalSize"], first["done"]) == (2000, ACCOUNTS, False)
    names = [r["Name"] for r in sf.query_all("SELECT Id, Name FROM Account ORDER BY Name")["records"]]
    assert len(names) == len(set(names)) == ACCOUNTS
    assert first["records"][0]["attributes"]["type"] == "Account"


def test_a_locator_is_gone_after_ten_newer_ones(sf: Salesforce) -> None:
    old = sf.query("SELECT Id FROM Account")
    for _ in range(10):
        sf.query("SELECT Id FROM Account")
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_QUERY_LOCATOR"):
        sf.query_more(old["nextRecordsUrl"], identifier_is_url=True)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("BillingCountryCode = 'de'", ACCOUNTS // 2),
        ("BillingCountryCode = null", ACCOUNTS // 2),
        ("BillingCountryCode != 'DE'", ACCOUNTS // 2),
        ("BillingCountryCode NOT IN ('DE', 'US')", ACCOUNTS // 2),
        (f"SystemModstamp >= {instant(NOW - timedelta(days=30) + timedelta(minutes=4400))[:19]}Z", 100),
        ("SystemModstamp < 2026-09-15T08:00:00+02:00", 0),
        ("Name IN ('Account 00001', 'Account 00002') AND BillingCountryCode = 'DE'", 1),
        ("Name = 'Account 00001' OR (Name LIKE 'Account 0000%' AND BillingCountryCode = null)", 6),
        ("IsDeleted = true", 0),
        ("NOT (BillingCountryCode = 'DE')", ACCOUNTS // 2),
        (f"Id = '{native_id('account', 'B3')[:15]}'", 1),
        ("Name = 'Müller & O\\'Brien \\\\ Söhne'", 1),
    ],
)
def test_filters(sf: Salesforce, where: str, count: int) -> None:
    assert sf.query(f"SELECT COUNT() FROM Account WHERE {where}")["totalSize"] == count


def test_order_and_limit(sf: Salesforce) -> None:
    rows = sf.query("SELECT Name FROM Account WHERE Name LIKE 'Account%' ORDER BY Name DESC LIMIT 2")["records"]
    assert [r["Name"] for r in rows] == [f"Account {ACCOUNTS - 1:05d}", f"Account {ACCOUNTS - 2:05d}"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Id, Nothing__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nothing__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT ten", "MALFORMED_QUERY"),
    ],
)
def test_wrong_queries_get_the_vendors_code(sf: Salesforce, query: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query(query)
    assert refused.value.content[0]["errorCode"] == code


def test_an_address_that_is_too_long_is_refused(org: Org, sf: Salesforce) -> None:
    keys = ",".join(f"'{n:020d}'" for n in range(1000))
    answer = org.session().get(
        sf.base_url + "query", params={"q": f"SELECT Id FROM Account WHERE Name IN ({keys})"}, headers=sf.headers
    )
    assert answer.status_code == 414


# -- describe -------------------------------------------------------------------------------------------------------


def test_describe(sf: Salesforce) -> None:
    fields = {f["name"]: f for f in sf.Invoice_Status__c.describe()["fields"]}
    assert fields["Invoice_Key__c"]["externalId"]
    assert fields["Invoice_Key__c"]["unique"]
    assert not fields["Invoice_Key__c"]["nillable"]
    assert fields["Opportunity__c"]["referenceTo"] == ["Opportunity"]
    assert (fields["Net_Amount__c"]["type"], fields["Net_Amount__c"]["scale"]) == ("currency", 2)
    stages = {f["name"]: f for f in sf.Opportunity.describe()["fields"]}["StageName"]
    assert stages["restrictedPicklist"]
    assert "Closed Won" in {v["value"] for v in stages["picklistValues"]}
    assert {o["name"] for o in sf.describe()["sobjects"]} == set(OBJECTS)
    with pytest.raises(SalesforceResourceNotFound, match="NOT_FOUND"):
        sf.Nothing__c.describe()


# -- single records -------------------------------------------------------------------------------------------------


def test_a_record_from_create_to_delete(org: Org, sf: Salesforce) -> None:
    made = sf.Opportunity.create({"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-01"})["id"]
    assert sf.Opportunity.get(made)["Probability"] == 20
    org.clock.advance(timedelta(minutes=1))
    assert sf.Opportunity.update(made, {"StageName": "Closed Won", "Amount": 1000.005}) == 204
    now = sf.Opportunity.get(made[:15])
    assert (now["IsWon"], now["IsClosed"], now["Amount"], now["Probability"]) == (True, True, 1000.01, 100)
    history = sf.query(
        f"SELECT StageName, CreatedDate, SystemModstamp FROM OpportunityHistory WHERE OpportunityId = '{made}' "
        "ORDER BY CreatedDate"
    )["records"]
    assert [h["StageName"] for h in history] == ["Qualification", "Closed Won"]
    assert history[0]["SystemModstamp"] == history[1]["CreatedDate"]
    start = org.clock.now() - timedelta(minutes=5)
    assert sf.Opportunity.delete(made) == 204
    gone = sf.Opportunity.deleted(start, org.clock.now() + timedelta(minutes=1))
    assert [d["id"] for d in gone["deletedRecords"]] == [made]
    assert sf.query(f"SELECT Id FROM Opportunity WHERE Id = '{made}'")["totalSize"] == 0
    kept = sf.query(f"SELECT Id, IsDeleted FROM Opportunity WHERE Id = '{made}'", include_deleted=True)["records"]
    assert kept[0]["IsDeleted"] is True
    with pytest.raises(SalesforceResourceNotFound):
        sf.Opportunity.get(made)
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        sf.Opportunity.update(made, {"Name": "x"})


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"Name": "x", "StageName": "Qualification"}, "REQUIRED_FIELD_MISSING", ["CloseDate"]),
        ({"Name": "x" * 121}, "STRING_TOO_LONG", ["Name"]),
        ({"StageName": "Hoping"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["StageName"]),
        ({"Nothing__c": 1}, "INVALID_FIELD", ["Nothing__c"]),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsWon"]),
        ({"AccountId": "001Hs00000000zzIAA"}, "INVALID_CROSS_REFERENCE_KEY", ["AccountId"]),
        ({"AccountId": "not an id"}, "MALFORMED_ID", ["AccountId"]),
        ({"AccountId": "006Hs00000000zzIAA"}, "FIELD_INTEGRITY_EXCEPTION", ["AccountId"]),
        ({"Amount": 1e17}, "NUMBER_OUTSIDE_VALID_RANGE", ["Amount"]),
        ({"Amount": "12"}, "JSON_PARSER_ERROR", None),
        ({"CloseDate": "2026-02-30"}, "JSON_PARSER_ERROR", None),
        ({"Contract_Approved_At__c": "2026-02-03"}, "JSON_PARSER_ERROR", None),
    ],
)
def test_what_may_not_be_saved(sf: Salesforce, fields: dict[str, Any], code: str, named: list[str] | None) -> None:
    whole = {"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-01"} | fields
    if code == "REQUIRED_FIELD_MISSING":
        whole = fields
    with pytest.raises((SalesforceMalformedRequest, SalesforceResourceNotFound)) as refused:
        sf.Opportunity.create(whole)
    error = refused.value.content[0]
    assert (error["errorCode"], error.get("fields")) == (code, named)


def test_upsert_by_external_id(org: Org, sf: Salesforce) -> None:
    key = "Invoice_Key__c/netsuite:inv.1"
    assert sf.Invoice_Status__c.upsert(key, {"Net_Amount__c": 10, "Posted_At__c": "2026-10-01T10:00:00Z"}) == 201
    assert sf.Invoice_Status__c.upsert(key, {"Net_Amount__c": 12, "Status__c": ""}) == 200
    held = sf.Invoice_Status__c.get_by_custom_id("Invoice_Key__c", "netsuite:inv.1")
    assert (held["Net_Amount__c"], held["Status__c"]) == (12, None)
    assert held["Posted_At__c"] == "2026-10-01T10:00:00.000+0000"
    commits = [c.op for c in org.fake.store.commits("Invoice_Status__c") if c.key == held["Id"]]
    assert commits == ["create", "update"]
    with pytest.raises(SalesforceResourceNotFound, match="external ID field"):
        sf.Account.upsert("Name/x", {})


def test_an_ambiguous_external_id_writes_nothing(org: Org, sf: Salesforce) -> None:
    for number in (1, 2):
        id_ = native_id("invoice_status", f"twin{number}")
        record = blank("Invoice_Status__c", id_, NOW) | {"Invoice_Key__c": "twins"}
        org.fake.store.put("Invoice_Status__c", id_, record, NOW)
    with pytest.raises(SalesforceMoreThanOneRecord) as refused:
        sf.Invoice_Status__c.upsert("Invoice_Key__c/twins", {"Net_Amount__c": 1})
    assert len(refused.value.content) == 2
    assert not [c for c in org.fake.store.commits() if c.key in refused.value.content[0]]


# -- collections and composite --------------------------------------------------------------------------------------


def _collection(sf: Salesforce, rows: list[dict[str, Any]], tail: str = "", **more: Any) -> Any:
    name = tail.split("/", maxsplit=1)[0] or "Opportunity"
    body = {"records": [{"attributes": {"type": name}} | row for row in rows], **more}
    return sf.restful(f"composite/sobjects/{tail}", method="PATCH", json=body)


def test_collections_upsert_answers_row_by_row_in_order(sf: Salesforce) -> None:
    tail = "Invoice_Status__c/Invoice_Key__c"
    rows = [
        {"Invoice_Key__c": "c1", "Net_Amount__c": 1},
        {"Invoice_Key__c": "c2", "Invoice_Number__c": "9" * 41},
        {"Invoice_Key__c": "twice"},
        {"Invoice_Key__c": "c3", "Opportunity__c": "006Hs00000000zzIAA"},
        {"Invoice_Key__c": "twice"},
        {"Net_Amount__c": 5},
    ]
    results = _collection(sf, rows, tail, allOrNone=False)
    assert [r["success"] for r in results] == [True, False, False, False, False, False]
    assert results[0]["created"] is True
    errors = [r["errors"][0] for r in results[1:]]
    assert [e["statusCode"] for e in errors] == [
        "STRING_TOO_LONG",
        "DUPLICATE_VALUE",
        "INVALID_CROSS_REFERENCE_KEY",
        "DUPLICATE_VALUE",
        "MISSING_ARGUMENT",
    ]
    assert errors[0]["fields"] == ["Invoice_Number__c"]
    assert "max length=40" in errors[0]["message"]
    again = _collection(sf, rows[:1], tail)
    assert (again[0]["id"], again[0]["created"]) == (results[0]["id"], False)


def test_all_or_none_undoes_the_good_rows(sf: Salesforce) -> None:
    tail = "Invoice_Status__c/Invoice_Key__c"
    results = _collection(
        sf, [{"Invoice_Key__c": "an1"}, {"Invoice_Key__c": "an2", "Nope__c": 1}], tail, allOrNone=True
    )
    assert [r["errors"][0]["statusCode"] for r in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]
    assert sf.query("SELECT Id FROM Invoice_Status__c WHERE Invoice_Key__c = 'an1'")["totalSize"] == 0


def test_200_rows_pass_and_201_do_not(sf: Salesforce) -> None:
    tail = "Invoice_Status__c/Invoice_Key__c"
    rows = [{"Invoice_Key__c": f"many{n}"} for n in range(201)]
    assert all(r["success"] for r in _collection(sf, rows[:200], tail))
    with pytest.raises(SalesforceMalformedRequest, match="LIMIT_EXCEEDED"):
        _collection(sf, rows, tail)


def test_a_body_that_does_not_fit_the_types_refuses_the_whole_request(sf: Salesforce) -> None:
    tail = "Invoice_Status__c/Invoice_Key__c"
    with pytest.raises(SalesforceMalformedRequest, match="JSON_PARSER_ERROR"):
        _collection(sf, [{"Invoice_Key__c": "t1"}, {"Invoice_Key__c": "t2", "Net_Amount__c": "ten"}], tail)
    assert sf.query("SELECT Id FROM Invoice_Status__c WHERE Invoice_Key__c = 't1'")["totalSize"] == 0


def test_collections_update_by_id(sf: Salesforce) -> None:
    made = sf.Opportunity.create({"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-12-01"})["id"]
    results = _collection(
        sf,
        [
            {"Id": made, "PSA_Project_Id__c": "12", "Provisioning_Status__c": "Provisioned"},
            {"Id": native_id("opportunity", "nobody"), "PSA_Project_Id__c": "13"},
            {"PSA_Project_Id__c": "14"},
            {"Id": made, "Provisioning_Status__c": "Nonsense"},
        ],
    )
    assert [r["success"] for r in results] == [True, False, False, False]
    codes = [r["errors"][0]["statusCode"] for r in results[1:]]
    assert codes == ["INVALID_CROSS_REFERENCE_KEY", "MISSING_ARGUMENT", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]
    assert sf.Opportunity.get(made)["PSA_Project_Id__c"] == "12"


def test_composite_uses_earlier_answers_and_rolls_back(sf: Salesforce) -> None:
    base = "/services/data/v61.0/sobjects"
    deal = {"Name": "Ref", "StageName": "Qualification", "CloseDate": "2026-12-01", "AccountId": "@{a.id}"}
    parts = [
        {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "Composite GmbH"}},
        {"method": "POST", "url": f"{base}/Opportunity", "referenceId": "o", "body": deal},
    ]
    good = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
    answers = good["compositeResponse"]
    assert [a["httpStatusCode"] for a in answers] == [201, 201]
    assert sf.Opportunity.get(answers[1]["body"]["id"])["AccountId"] == answers[0]["body"]["id"]
    parts[0]["body"] = {"Name": "Undone GmbH"}
    parts[1]["body"] = deal | {"StageName": "Hoping"}
    bad = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
    assert bad["compositeResponse"][0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert sf.query("SELECT Id FROM Account WHERE Name = 'Undone GmbH'")["totalSize"] == 0


# -- limits, time, life ---------------------------------------------------------------------------------------------


def test_every_call_counts_and_the_allowance_ends(org: Org, sf: Salesforce) -> None:
    sf.limits()
    used = sf.api_usage["api-usage"].used
    sf.limits()
    assert sf.api_usage["api-usage"].used == used + 1
    org.fake.store.set_setting("api_limit", used + 2)
    sf.limits()
    assert sf.api_usage["api-usage"] == (used + 2, used + 2)
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        sf.limits()
    org.clock.advance(timedelta(days=1))
    assert org.sign_in().limits()["DailyApiRequests"]["Remaining"] == used + 1


def test_a_tick_changes_what_the_firm_changed_and_keeps_what_clients_wrote(tmp_path: Path) -> None:
    truth = build(NOW, 7, 0.2)
    served = {p.opportunity_id for p in truth.projects if p.created_at is not None}
    moves = [
        (will.at, d.id, will.stage)
        for d in truth.opportunities
        if d.id not in served
        for was, will in pairwise(d.stages)
        if was.at <= NOW < will.at and was.stage != will.stage
    ]
    until, deal, stage = min(moves)
    own = native_id("opportunity", deal)
    fake = Fake("salesforce", tmp_path / "org.db", ManualClock(NOW), tls=None)
    try:
        assert fake.fill(truth)
        assert not fake.fill(truth)
        before = fake.store.get("Opportunity", own)
        assert before is not None
        assert before.record["Provisioning_Status__c"] is None
        given = {"PSA_Project_Id__c": "77", "Provisioning_Status__c": "Provisioned"}
        Records(fake.store, fake.clock).update(OBJECTS["Opportunity"], own, given)
        assert fake.live(truth, NOW, until) >= 2  # the deal and its history
        after = fake.store.get("Opportunity", own)
        assert after is not None
        assert after.record["StageName"] == STAGES[stage][0] != before.record["StageName"]
        assert given.items() <= after.record.items()
        assert after.record["SystemModstamp"] >= instant(until)
        assert fake.live(truth, until, until) == 0
    finally:
        fake.store.close()
