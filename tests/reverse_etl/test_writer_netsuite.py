"""The NetSuite writer against the fake account: one record a request, one outcome, and what is held afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from common.clock import ManualClock
from reverse_etl.canonical import shows
from reverse_etl.spec import Acked, Doubt, Operation, Outcome, PeriodShut, RejectedRow, SyncSpec, Throttled
from reverse_etl.syncs import sync
from reverse_etl.writers.netsuite import REFERENCES, NetSuiteWriter, connect
from sandbox.fakes.netsuite_parts.records import TYPES
from sandbox.firm import build
from sandbox.project.netsuite import native_id
from sandbox.server import Fake
from systems.errors import Fatal
from systems.netsuite.client import Client
from systems.netsuite.settings import NetSuiteSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
CUSTOMER = sync("sandbox", "netsuite__customer")
SCHEDULE = sync("sandbox", "netsuite__billing_schedule")
TIME = sync("sandbox", "netsuite__time_entry")


class Target:
    """The running account and a writer to it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.truth = build(NOW, 20261015, 0.1)
        self.fake = Fake("netsuite", path, self.clock)
        self.fake.fill(self.truth)
        self.fake.start()
        self.environment: dict[str, str] = self.fake.module.environment(self.fake.url)
        values = {k.removeprefix("THROUGHLINE_NETSUITE_").lower(): v for k, v in self.environment.items()}
        self.writer = NetSuiteWriter(Client(NetSuiteSettings(**values, timeout=3.0), self.clock, lambda _: None))
        self._http = urllib3.PoolManager()

    def plan(self, kind: str, **more: Any) -> None:
        body = json.dumps({"kind": kind, "method": "PUT", **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def puts(self) -> int:
        seen = self._http.request("GET", f"{self.fake.url}/_control/requests").json()
        return sum(1 for line in seen if line.startswith("PUT"))

    def send(self, spec: SyncSpec, key: str, payload: dict[str, Any]) -> Outcome:
        operation = Operation(f"d-{key}", key, "create", payload, None, f"request-{key}")
        (outcome,) = self.writer.send(spec, [operation])
        return outcome

    def update(self, spec: SyncSpec, key: str, payload: dict[str, Any], native_id: str) -> Outcome:
        operation = Operation(f"d-{key}", key, "update", payload, native_id, f"request-{key}")
        (outcome,) = self.writer.send(spec, [operation])
        return outcome

    def by_hand(self, id_: str, **record: str) -> None:
        """A customer that somebody entered in the account."""
        made = {"id": id_, "entityid": f"HAND{id_}", "companyname": "By hand", "isinactive": "F", **record}
        self.fake.store.put("customer", id_, made, NOW)

    def customer(self, key: str, **changed: Any) -> dict[str, Any]:
        payload = {"companyName": f"Client {key}", "subsidiary": "1", "currency": "USD"}
        return {**payload, "custentity_crm_account": f"salesforce:{key}", **changed}

    def hours(self, **changed: Any) -> dict[str, Any]:
        person = next(r for r in self.truth.resources if r.legal_entity_id == "DE01")
        known = self.fake.store.select("customer", limit=1)[0].id
        return {
            "customer": known, "employee": person.id, "subsidiary": "1", "department": "1", "class": "2",
            "location": "1", "tranDate": "2026-10-09", "hours": 7.25, "isBillable": True, "rate": 142.5,
            "custcol_psa_project": "41000001", "custcol_psa_entry": "700000001", **changed,
        }  # fmt: skip


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    running = Target(tmp_path_factory.mktemp("netsuite") / "account.db")
    yield running
    running.fake.stop()


def test_what_we_push_are_fields_that_the_account_has() -> None:
    for spec in (CUSTOMER, SCHEDULE, TIME):
        fields = TYPES[spec.record_type.lower()].fields
        assert set(spec.fields) <= set(fields)
        assert {n for n in spec.fields if fields[n].kind == "ref"} == set(REFERENCES[spec.record_type])
        assert spec.batch_max == 1


def test_a_customer_is_created_and_shows_what_was_sent(target: Target) -> None:
    payload = target.customer("salesforce_001A", companyName="O'Brien & Söhne ☂")
    outcome = target.send(CUSTOMER, "salesforce_001A", payload)
    assert isinstance(outcome, Acked)
    found = target.writer.read_back(CUSTOMER, ["salesforce_001A", "salesforce_nobody"])
    assert set(found) == {"salesforce_001A"}
    assert found["salesforce_001A"].native_id == outcome.native_id
    assert dict(found["salesforce_001A"].fields) == payload
    stored = target.fake.store.get("customer", outcome.native_id)
    assert stored is not None
    assert stored.record["currency"] == "2"
    relation = target.fake.store.find("customersubsidiaryrelationship", "entity", outcome.native_id)
    assert [row.record["subsidiary"] for row in relation] == ["1"]


def test_a_schedule_and_hours_come_back_as_they_were_sent(target: Target) -> None:
    known = target.fake.store.select("customer", limit=1)[0].id
    schedule = {
        "name": "Platform", "custrecord_bs_customer": known, "custrecord_bs_project": "41000009",
        "custrecord_bs_opportunity": "006A", "custrecord_bs_contract": None,
        "custrecord_bs_billing_method": "fixed_fee", "custrecord_bs_amount": 12345.67,
        "custrecord_bs_currency": "EUR", "custrecord_bs_start_date": "2026-10-01",
        "custrecord_bs_end_date": "2027-03-31", "custrecord_bs_status": "Active",
    }  # fmt: skip
    for spec, key, payload in ((SCHEDULE, "opp_006A_1", schedule), (TIME, "kantata_700000001", target.hours())):
        assert isinstance(target.send(spec, key, payload), Acked)
        fields = target.writer.read_back(spec, [key])[key].fields
        assert set(fields) == set(spec.fields)
        assert shows(fields, payload), (payload, fields)


def test_null_clears_a_field(target: Target) -> None:
    target.send(TIME, "kantata_clear", target.hours())
    target.send(TIME, "kantata_clear", target.hours(rate=None, department=None))
    fields = target.writer.read_back(TIME, ["kantata_clear"])["kantata_clear"].fields
    assert (fields["rate"], fields["department"], fields["hours"]) == (None, None, 7.25)


@pytest.mark.parametrize("before", [{}, {"externalid": "salesforce_A"}], ids=["no external id", "another key of ours"])
def test_an_update_changes_the_record_that_was_seen_and_gives_it_our_key(
    target: Target, before: dict[str, str]
) -> None:
    id_, key = ("59001", "salesforce_hand") if not before else ("59002", "salesforce_B")
    target.by_hand(id_, **before)
    known = target.fake.store.count("customer")
    payload = target.customer(key)
    for _ in range(2):
        assert target.update(CUSTOMER, key, payload, id_) == Acked(id_)
    assert target.fake.store.count("customer") == known, "no second customer"
    found = target.writer.read_back(CUSTOMER, [key, "salesforce_A"])
    assert set(found) == {key}
    assert found[key].native_id == id_
    assert dict(found[key].fields) == payload
    assert [c.op for c in target.fake.store.commits("customer") if c.key == id_] == ["update", "update"]


def test_an_update_of_a_record_that_is_gone_is_rejected(target: Target) -> None:
    known = target.fake.store.count("customer")
    outcome = target.update(CUSTOMER, "salesforce_gone", target.customer("gone"), "59999")
    assert isinstance(outcome, RejectedRow)
    assert outcome.code == "absent"
    assert target.fake.store.count("customer") == known


def test_an_update_does_not_take_the_key_of_another_record(target: Target) -> None:
    target.send(CUSTOMER, "salesforce_taken", target.customer("taken"))
    target.by_hand("59003")
    outcome = target.update(CUSTOMER, "salesforce_taken", target.customer("taken", companyName="Wrong"), "59003")
    assert isinstance(outcome, RejectedRow)
    assert (outcome.code, outcome.field) == ("DUP_RCRD", "externalId")
    stored = target.fake.store.get("customer", "59003")
    assert stored is not None
    assert stored.record["companyname"] == "By hand"


def test_a_closed_period_is_held_and_nothing_is_posted(target: Target) -> None:
    outcome = target.send(TIME, "kantata_shut", target.hours(tranDate="2026-02-03"))
    assert isinstance(outcome, PeriodShut)
    assert "Feb 2026" in outcome.text
    assert target.writer.read_back(TIME, ["kantata_shut"]) == {}


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"employee": "R999"}, "employee", "UNKNOWN_REFERENCE"),
        ({"customer": "424242"}, "customer", "INVALID_CONTENT"),
        ({"tranDate": "someday"}, "tranDate", "INVALID_VALUE"),
        ({"hours": None}, "hours", "USER_ERROR"),
    ],
)
def test_a_refused_row_names_its_field(target: Target, changed: dict[str, Any], field: str, code: str) -> None:
    outcome = target.send(TIME, "kantata_bad", target.hours(**changed))
    assert isinstance(outcome, RejectedRow)
    assert (outcome.field, outcome.code) == (field, code)


@pytest.mark.parametrize(
    ("kind", "more", "meaning", "executed"),
    [
        ("throttle", {"retry_after": "3"}, Throttled(3.0), False),
        ("server_error", {"status": 500}, Doubt(""), False),
        ("drop_before", {}, Doubt(""), False),
        ("drop_after", {}, Doubt(""), True),
    ],
)
def test_one_attempt_is_one_request(
    target: Target, kind: str, more: dict[str, Any], meaning: Outcome, executed: bool
) -> None:
    key = f"salesforce_{kind}"
    target.writer.send(CUSTOMER, [])
    target.plan(kind, **more)
    before = target.puts()
    outcome = target.send(CUSTOMER, key, target.customer(key))
    assert target.puts() == before + 1
    assert type(outcome) is type(meaning)
    if isinstance(outcome, Throttled):
        assert outcome.after == 3.0
    assert bool(target.writer.read_back(CUSTOMER, [key])) == executed
    # The same version again has no second effect, whatever became of the first.
    assert isinstance(target.send(CUSTOMER, key, target.customer(key)), Acked)
    ids = [row.id for row in target.fake.store.find("customer", "externalid", key)]
    assert len(ids) == 1
    creates = [c for c in target.fake.store.commits("customer") if c.key == ids[0] and c.op == "create"]
    assert len(creates) == 1


def test_rows_may_be_sent_side_by_side(target: Target) -> None:
    keys = [f"kantata_side_{n}" for n in range(40)]
    with ThreadPoolExecutor(TIME.parallel) as pool:
        outcomes = list(pool.map(lambda key: target.send(TIME, key, target.hours()), keys))
    assert all(isinstance(outcome, Acked) for outcome in outcomes)
    assert len({outcome.native_id for outcome in outcomes if isinstance(outcome, Acked)}) == len(keys)


def test_a_new_employee_is_found_without_a_restart(target: Target) -> None:
    target.send(TIME, "kantata_warm", target.hours())
    newcomer = replace(target.truth.resources[0], id="R777")
    id_ = native_id("employee", newcomer.id)
    target.fake.store.put("employee", id_, {"id": id_, "entityid": "R777", "subsidiary": "1"}, NOW)
    assert isinstance(target.send(TIME, "kantata_new", target.hours(employee="R777")), Acked)
    assert target.writer.read_back(TIME, ["kantata_new"])["kantata_new"].fields["employee"] == "R777"


def test_an_account_that_refuses_us_is_fatal(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**target.environment, "THROUGHLINE_NETSUITE_TOKEN_ID": "revoked"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Fatal, match="signature was refused"):
        connect().send(CUSTOMER, [Operation("d", "salesforce_x", "create", target.customer("x"), None, "r")])


def test_more_than_one_row_or_a_delete_is_our_mistake(target: Target) -> None:
    operation = Operation("d", "salesforce_x", "create", target.customer("x"), None, "r")
    with pytest.raises(ValueError, match="one record a request"):
        target.writer.send(CUSTOMER, [operation, operation])
    with pytest.raises(ValueError, match="deletes"):
        target.writer.send(CUSTOMER, [replace(operation, op="delete")])
