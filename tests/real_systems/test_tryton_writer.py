"""What we push to Tryton: once however often it is sent, found again by our key, other people's words left alone."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reverse_etl.canonical import shows
from reverse_etl.spec import Acked, Operation, RejectedRow, SyncSpec, Throttled, delivery_id
from reverse_etl.syncs import sync
from reverse_etl.writers.tryton import TrytonWriter
from sandbox.tryton.server import Handle
from systems.tryton.client import Client


@pytest.fixture
def writer(client: Client) -> TrytonWriter:
    return TrytonWriter(client)


@pytest.fixture
def deal(client: Client) -> dict[str, Any]:
    """A won deal of the firm's that has no project yet; each test gets its own."""
    with_project = {row["comment"] for row in client.find("project.work", [["type", "=", "project"]], ["comment"])}
    named = {comment.split("]")[0].removeprefix("[opp:").split(":")[0] for comment in with_project if comment}
    services = [["state", "=", "won"], ["sales.lines.unit.symbol", "=", "h"]]
    won = client.find("sale.opportunity", services, ["party", "company", "description", "comment"])
    free = [row for row in won if str(row["id"]) not in named and not (row["comment"] or "").startswith("used")]
    taken = free[0]
    client.write("sale.opportunity", taken["id"], {"comment": "used by a test"})
    return {**taken, "comment": "used by a test"}


def operation(spec: SyncSpec, key: str, payload: dict[str, Any], native_id: str | None = None) -> Operation:
    delivery = delivery_id(spec, key, 1)
    return Operation(delivery, key, "update" if native_id else "create", payload, native_id, delivery)


def put(writer: TrytonWriter, spec: SyncSpec, key: str, payload: dict[str, Any], native_id: str | None = None) -> str:
    (outcome,) = writer.send(spec, [operation(spec, key, payload, native_id)])
    assert isinstance(outcome, Acked), outcome
    found = writer.read_back(spec, [key])[key]
    assert found.native_id == outcome.native_id
    assert shows(found.fields, payload), found.fields
    assert set(found.fields) == set(spec.fields)
    return outcome.native_id


def project_payload(deal: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": deal["description"],
        "party": str(deal["party"]),
        "company": str(deal["company"]),
        "invoice_method": "timesheet",
        "opportunity_ref": f"tryton:{deal['id']}",
    }


def test_every_sync_of_the_firm_has_its_shape(writer: TrytonWriter) -> None:
    from reverse_etl.syncs import syncs

    for spec in syncs("tryton"):
        assert writer.read_back(spec, ["999999" if spec.object == "opportunity_provisioning" else "nobody's"]) == {}


def test_a_party_of_the_crm_is_the_customer(writer: TrytonWriter, client: Client, deal: dict[str, Any]) -> None:
    spec = sync("tryton", "tryton__customer")
    before = client.count("party.party", [])
    name = client.find("party.party", [["id", "=", deal["party"]]], ["name"])[0]["name"]
    assert put(writer, spec, f"party_{deal['party']}", {"name": name}) == str(deal["party"])
    assert client.count("party.party", []) == before


def test_a_customer_of_another_crm_is_made_once(writer: TrytonWriter, client: Client) -> None:
    spec = sync("tryton", "tryton__customer")
    first = put(writer, spec, "salesforce:001A", {"name": "Foreign Ltd"})
    assert put(writer, spec, "salesforce:001A", {"name": "Foreign Ltd"}) == first
    assert put(writer, spec, "salesforce:001A", {"name": "Foreign Holding Ltd"}, first) == first
    assert client.count("party.party", [["code", "=", "salesforce:001A"]]) == 1


def test_a_create_that_was_committed_after_we_looked_is_the_same_customer(
    tryton: Handle, connect: Callable[..., Client]
) -> None:
    """The answer to a first request is lost; it is sent again while the first one's transaction is still open."""

    class Overtaken(Client):
        def create(self, model: str, rows: Any, **options: Any) -> list[int]:
            first.extend(other.create(model, [{**row, "name": "Foreign Ltd"} for row in rows], **options))
            return super().create(model, rows, **options)

    other, first = connect(tryton), list[int]()
    spec = sync("tryton", "tryton__customer")
    overtaken = TrytonWriter(Overtaken(other._config, other._clock))
    assert put(overtaken, spec, "salesforce:001B", {"name": "Foreign Holding Ltd"}) == str(first[0])
    assert other.count("party.party", [["code", "=", "salesforce:001B"]]) == 1


def test_a_customer_that_tryton_refuses_is_rejected(writer: TrytonWriter) -> None:
    spec = sync("tryton", "tryton__customer")
    (outcome,) = writer.send(spec, [operation(spec, "salesforce:001C", {"name": "Two\nlines"})])
    assert isinstance(outcome, RejectedRow)
    assert writer.read_back(spec, ["salesforce:001C"]) == {}


def test_a_deal_gets_its_project_with_what_was_sold(writer: TrytonWriter, client: Client, deal: dict[str, Any]) -> None:
    spec = sync("tryton", "tryton__project")
    key = f"opp:{deal['id']}:1"
    project = put(writer, spec, key, project_payload(deal))
    tasks = client.find("project.work", [["parent", "=", int(project)]], ["list_price", "effort_duration", "product"])
    sold = client.find(
        "sale.line", [["sale.origin", "=", f"sale.opportunity,{deal['id']}"]], ["product", "quantity", "unit_price"]
    )
    assert [(t["product"], Decimal(t["list_price"]), t["effort_duration"] / 3600) for t in tasks] == [
        (s["product"], Decimal(s["unit_price"]), s["quantity"]) for s in sold
    ]
    # Time can be booked at once.
    works = client.find("timesheet.work", [["origin.id", "=", tasks[0]["id"], "project.work"]], [])
    assert len(works) == 1
    # It is found by its key, so that a create in doubt is settled; a change is no second project.
    put(writer, spec, key, {**project_payload(deal), "name": "Renamed"}, project)
    assert client.count("project.work", [["comment", "like", f"%[{key}]%"]]) == 1


def test_a_billing_schedule_waits_and_changes_no_total(
    writer: TrytonWriter, client: Client, deal: dict[str, Any]
) -> None:
    (row,) = writer.send(
        sync("tryton", "tryton__project"),
        [operation(sync("tryton", "tryton__project"), f"opp:{deal['id']}:1", project_payload(deal))],
    )
    assert isinstance(row, Acked)
    spec = sync("tryton", "tryton__billing_schedule")
    currency = "EUR" if client.find("company.company", [["id", "=", deal["company"]]], ["party__code"])[0][
        "party__code"
    ] == "DE01" else "USD"  # fmt: skip
    payload = {
        "project": row.native_id,
        "billing_method": "time_and_materials",
        "amount": 83600.5,
        "currency": currency,
    }
    key = f"opp_{deal['id']}_1"
    schedule = put(writer, spec, key, payload)
    put(writer, spec, key, {**payload, "amount": 90000}, schedule)
    line = client.find("account.invoice.line", [["id", "=", int(schedule)]], ["invoice", "amount", "party", "company"])[
        0
    ]
    assert line["invoice"] is None
    assert Decimal(line["amount"]) == 0
    assert (line["party"], line["company"]) == (deal["party"], deal["company"])
    assert client.count("account.invoice.line", [["note", "like", f"[{key}]%"]]) == 1


def test_ids_and_invoices_stand_in_the_deals_comment(
    writer: TrytonWriter, client: Client, deal: dict[str, Any]
) -> None:
    ids, invoices = sync("tryton", "tryton__opportunity_provisioning"), sync("tryton", "tryton__invoice_status")
    number = str(deal["id"])
    given = {"project": "4711", "customer": "20", "billing_schedule": "283", "provisioning_status": "Provisioned"}
    put(writer, ids, number, given, number)
    put(writer, ids, number, given, number)
    status = {
        "invoice_number": "DE01-2026-00077", "opportunity": number, "status": "posted", "net_amount": 11730.25,
        "gross_amount": 13959, "open_amount": 0.1, "currency": "EUR",
    }  # fmt: skip
    put(writer, invoices, "tryton:999001", status)
    put(writer, invoices, "tryton:999002", {**status, "invoice_number": "DE01-2026-00078"})
    put(writer, invoices, "tryton:999001", {**status, "status": "paid", "open_amount": 0})
    comment = client.find("sale.opportunity", [["id", "=", deal["id"]]], ["comment"])[0]["comment"].splitlines()
    assert comment[0] == "used by a test"
    assert [line.split("]")[0] for line in comment[1:]] == [
        "[throughline:ids", "[throughline:invoice tryton:999001", "[throughline:invoice tryton:999002",
    ]  # fmt: skip


def test_what_is_the_same_is_not_written_again(writer: TrytonWriter, client: Client, deal: dict[str, Any]) -> None:
    ids = sync("tryton", "tryton__opportunity_provisioning")
    number = str(deal["id"])
    given = {"project": "1", "customer": "2", "billing_schedule": "3", "provisioning_status": "Provisioned"}
    put(writer, ids, number, given, number)
    before = client.find("sale.opportunity", [["id", "=", deal["id"]]], ["_timestamp"])
    put(writer, ids, number, given, number)
    assert client.find("sale.opportunity", [["id", "=", deal["id"]]], ["_timestamp"]) == before


def test_time_goes_to_finance_once(writer: TrytonWriter, client: Client) -> None:
    spec = sync("tryton", "tryton__time_entry")
    line = client.find("timesheet.line", [], ["employee", "date", "duration"], limit=1)[0]
    payload = {
        "time_entry": str(line["id"]), "project": "97", "employee": str(line["employee"]), "work_date": line["date"],
        "hours": line["duration"] / 3600, "billable": True,
    }  # fmt: skip
    key = f"tryton_{line['id']}"
    note = put(writer, spec, key, payload)
    put(writer, spec, key, {**payload, "hours": 1.5}, note)
    assert client.count("ir.note", [["message", "like", f"[throughline:time {key}]%"]]) == 1


def test_a_refused_row_is_the_rows_own_fault(writer: TrytonWriter, deal: dict[str, Any]) -> None:
    spec = sync("tryton", "tryton__project")
    (outcome,) = writer.send(spec, [operation(spec, "opp:1:9", {**project_payload(deal), "party": "99999999"})])
    assert isinstance(outcome, RejectedRow)
    spec = sync("tryton", "tryton__opportunity_provisioning")
    given = {"project": "1", "customer": "2", "billing_schedule": "3", "provisioning_status": "Provisioned"}
    (outcome,) = writer.send(spec, [operation(spec, "99999999", given, "99999999")])
    assert isinstance(outcome, RejectedRow)
    assert outcome.code == "gone"


def test_somebody_else_writing_meanwhile_is_a_reason_to_look_again(
    tryton: Handle, connect: Callable[..., Client], deal: dict[str, Any]
) -> None:
    """Between our read and our write a person saves the deal: their words must stay."""

    class Interrupted(Client):
        def write(self, model: str, id_: int, values: Any, **options: Any) -> None:
            person.write(model, id_, {"comment": "used; a person was here"})
            super().write(model, id_, values, **options)

    person = connect(tryton)
    ours = Interrupted(person._config, person._clock)
    spec = sync("tryton", "tryton__opportunity_provisioning")
    number = str(deal["id"])
    given = {"project": "1", "customer": "2", "billing_schedule": "3", "provisioning_status": "Provisioned"}
    (outcome,) = TrytonWriter(ours).send(spec, [operation(spec, number, given, number)])
    assert isinstance(outcome, Throttled)
    put(TrytonWriter(person), spec, number, given, number)
    comment = person.find("sale.opportunity", [["id", "=", deal["id"]]], ["comment"])[0]["comment"]
    assert comment.splitlines()[0] == "used; a person was here"
