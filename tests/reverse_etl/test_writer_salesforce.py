"""The Salesforce writer against the fake org: one request a batch, one outcome a row, and what is held afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from common.clock import ManualClock
from reverse_etl.canonical import shows
from reverse_etl.spec import (
    Acked,
    BatchRefused,
    Capability,
    Doubt,
    Operation,
    RejectedRow,
    SyncSpec,
    Throttled,
)
from reverse_etl.syncs import sync
from reverse_etl.writers.salesforce import SalesforceWriter
from sandbox.fakes.salesforce_objects import OBJECTS
from sandbox.fakes.salesforce_records import Records
from sandbox.server import Fake
from systems.errors import Fatal
from systems.salesforce.client import Client
from systems.salesforce.settings import SalesforceSettings

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
PROVISIONING = sync("sandbox", "salesforce__opportunity_provisioning")
STATUS = sync("sandbox", "salesforce__invoice_status")


class Target:
    """The running org and a writer to it."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock(NOW)
        self.fake = Fake("salesforce", path, self.clock).start()
        given = self.fake.module.environment(self.fake.url)
        values = {k.removeprefix("THROUGHLINE_SALESFORCE_").lower(): v for k, v in given.items()}
        self.writer = SalesforceWriter(Client(SalesforceSettings(**values), self.clock, lambda _: None))
        self._http = urllib3.PoolManager()

    def plan(self, kind: str, **more: Any) -> None:
        body = json.dumps({"kind": kind, "method": "PATCH", **more})
        assert self._http.request("POST", f"{self.fake.url}/_control/faults", body=body).status == 200

    def deal(self) -> str:
        values = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-10-01"}
        return Records(self.fake.store, self.clock).create(OBJECTS["Opportunity"], values)

    def requests(self) -> int:
        seen = self._http.request("GET", f"{self.fake.url}/_control/requests").json()
        return sum(1 for line in seen if line.startswith("PATCH"))

    def creates(self) -> int:
        return sum(1 for c in self.fake.store.commits("Invoice_Status__c") if c.op == "create")


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    running = Target(tmp_path / "org.db")
    yield running
    running.fake.stop()


def operation(key: str, payload: dict[str, Any], op: Any = "create") -> Operation:
    return Operation(f"d-{key}", key, op, payload, None, f"r-{key}")


def status(**given: Any) -> dict[str, Any]:
    return dict.fromkeys(STATUS.fields) | given


def provisioned(project: str) -> dict[str, Any]:
    return {
        "PSA_Project_Id__c": project,
        "ERP_Customer_Id__c": "1042",
        "Billing_Schedule_Id__c": "7",
        "Provisioning_Status__c": "Provisioned",
    }


def test_the_specs_fit_what_the_org_describes(target: Target) -> None:
    for spec in (PROVISIONING, STATUS):
        described = {f["name"]: f for f in target.writer.describe(spec)["fields"]}
        assert spec.capability is Capability.UPSERT
        assert spec.batch_max <= 200
        assert described[spec.key_field]["idLookup"]
        assert all(described[name]["updateable"] for name in spec.fields)


def test_ids_are_written_to_the_deal_and_read_back_as_sent(target: Target) -> None:
    one, two = target.deal(), target.deal()
    before = target.requests()
    sent = [operation(one, provisioned("501"), "update"), operation(two, provisioned("502"), "update")]
    assert target.writer.send(PROVISIONING, sent) == [Acked(one), Acked(two)]
    assert target.requests() - before == 1
    held = target.writer.read_back(PROVISIONING, [one, two, "006Hs00000000zzIAA"])
    assert set(held) == {one, two}
    assert held[one].native_id == one
    assert all(shows(held[o.key].fields, o.payload) for o in sent)
    stored = target.fake.store.get("Opportunity", one)
    assert stored is not None
    assert (stored.record["Name"], stored.record["StageName"]) == ("Deal", "Closed Won")


def test_an_invoice_status_is_made_once_and_then_changed(target: Target) -> None:
    key = "netsuite:5001"
    payload = status(
        Invoice_Number__c="INV-1", Opportunity__c=target.deal(), Status__c="posted", Net_Amount__c=1000.1,
        Gross_Amount__c=1190.12, Open_Amount__c=0, CurrencyIsoCode="EUR", Invoice_Date__c="2026-09-30",
        Due_Date__c="2026-10-30", Posted_At__c="2026-10-01T10:11:12Z",
    )  # fmt: skip
    (first,) = target.writer.send(STATUS, [operation(key, payload)])
    assert isinstance(first, Acked)
    paid = payload | {"Status__c": "paid", "Last_Payment_Date__c": "2026-10-14", "Due_Date__c": None}
    assert target.writer.send(STATUS, [operation(key, paid, "update")]) == [first]
    assert target.creates() == 1
    (held,) = target.writer.read_back(STATUS, [key]).values()
    assert held.native_id == first.native_id
    assert set(held.fields) == set(STATUS.fields)
    assert shows(held.fields, paid)
    assert not shows(held.fields, payload)


def test_each_row_has_its_own_outcome_in_order(target: Target) -> None:
    outcomes = target.writer.send(
        STATUS,
        [
            operation("a", status(Net_Amount__c=1)),
            operation("b", status(Invoice_Number__c="9" * 41)),
            operation("c", status(CurrencyIsoCode="XXX")),
            operation("d", status(Account__c="001Hs00000000zzIAA")),
            operation("e", status(Status__c="O'Brien & Söhne, Łódź")),
        ],
    )
    kinds = [type(o) for o in outcomes]
    assert kinds == [Acked, RejectedRow, RejectedRow, RejectedRow, Acked]
    refused = [(o.code, o.field) for o in outcomes if isinstance(o, RejectedRow)]
    assert refused == [
        ("STRING_TOO_LONG", "Invoice_Number__c"),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "CurrencyIsoCode"),
        ("INVALID_CROSS_REFERENCE_KEY", "Account__c"),
    ]
    assert target.writer.read_back(STATUS, list("abcde"))["e"].fields["Status__c"] == "O'Brien & Söhne, Łódź"


def test_a_batch_that_nobody_can_read_is_refused_whole_and_alone_the_row_is_named(target: Target) -> None:
    good, bad = operation("g", status(Net_Amount__c=1)), operation("x", status(Net_Amount__c="one"))
    outcomes = target.writer.send(STATUS, [good, bad])
    assert [type(o) for o in outcomes] == [BatchRefused, BatchRefused]
    assert target.creates() == 0
    (alone,) = target.writer.send(STATUS, [bad])
    assert isinstance(alone, RejectedRow)
    assert alone.code == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(
    ("kind", "more", "executed"),
    [
        ("drop_before", {}, 0),
        ("drop_after", {}, 2),
        ("server_error", {"status": 502}, 0),
        ("malformed_page", {}, 2),
    ],
)
def test_no_whole_answer_is_doubt_and_sending_again_makes_no_second_one(
    target: Target, kind: str, more: dict[str, Any], executed: int
) -> None:
    batch = [operation("k1", status(Net_Amount__c=1)), operation("k2", status(Net_Amount__c=2))]
    target.plan(kind, **more)
    before = target.requests()
    assert [type(o) for o in target.writer.send(STATUS, batch)] == [Doubt, Doubt]
    assert target.requests() - before == 1
    assert target.creates() == executed
    assert [type(o) for o in target.writer.send(STATUS, batch)] == [Acked, Acked]
    assert target.creates() == 2


def test_throttled_rows_carry_the_wait_and_an_exhausted_allowance_an_hour(target: Target) -> None:
    target.plan("throttle", retry_after="45")
    (outcome,) = target.writer.send(STATUS, [operation("t", status())])
    assert isinstance(outcome, Throttled)
    assert outcome.after == 45.0
    target.fake.store.set_setting("api_limit", 0)
    (outcome,) = target.writer.send(STATUS, [operation("t", status())])
    assert isinstance(outcome, Throttled)
    assert outcome.after == 3_600.0
    assert target.creates() == 0


def test_a_target_that_can_not_be_used_raises_and_sends_nothing(target: Target) -> None:
    unknown = SyncSpec(**{**STATUS.__dict__, "record_type": "Nothing__c"})
    with pytest.raises(Fatal, match="NOT_FOUND"):
        target.writer.send(unknown, [operation("n", status())])
    with pytest.raises(ValueError, match="deletes are not sent"):
        target.writer.send(STATUS, [operation("n", status(), "delete")])
    assert target.creates() == 0
