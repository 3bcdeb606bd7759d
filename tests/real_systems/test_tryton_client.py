"""The client against a real server: what is read, what an error becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from common.clock import SystemClock
from sandbox.tryton.postgres import free_port
from sandbox.tryton.server import Handle
from systems.errors import Fatal, Rejected, Retriable
from systems.tryton.client import Client

EMPLOYEE = "company.employee"


def rows_of(client: Client, name: str, since: datetime | None, fields: list[str]) -> list[dict]:
    return [json.loads(line) for page in client.read(name, since, fields) for line in page.splitlines()]


def test_every_row_comes_once_whatever_the_page(tryton: Handle, connect: Callable[..., Client]) -> None:
    small = connect(tryton, page_size=7)
    rows = rows_of(small, "timesheet.work", None, ["id", "last_modified_at"])
    ids = [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == small.count("timesheet.work", [])
    # The tasks of a project are made in one transaction: ties are many, and more than a page holds in places.
    assert len({row["last_modified_at"] for row in rows}) < len(rows)
    assert rows == sorted(rows, key=lambda row: (row["last_modified_at"], row["id"]))
    assert sorted(int(i) for page in small.read_ids("timesheet.work") for i in page) == sorted(ids)


def test_values_are_plain_and_exact(client: Client) -> None:
    (row,) = rows_of(client, "account.invoice", None, ["id", "number", "total_amount", "invoice_date", "currency__code",
                                                       "numbered_at", "payment_lines", "untaxed_amount"])[:1]  # fmt: skip
    assert Decimal(row["total_amount"]) > Decimal(row["untaxed_amount"]) > 0
    assert row["currency__code"] in ("EUR", "USD")
    assert datetime.fromisoformat(row["numbered_at"]).tzinfo is not None
    assert row["invoice_date"] == row["numbered_at"][:10]
    assert row["payment_lines"].startswith(",")
    assert row["payment_lines"].endswith(",")


def test_reading_since_brings_what_changed_at_or_after(client: Client) -> None:
    rows = rows_of(client, "party.party", None, ["id", "last_modified_at"])
    middle = rows[len(rows) // 2]
    since = datetime.fromisoformat(middle["last_modified_at"])
    again = rows_of(client, "party.party", since, ["id", "last_modified_at"])
    assert again == [row for row in rows if row["last_modified_at"] >= middle["last_modified_at"]]


def test_the_past_of_a_deal_is_read_as_it_was(client: Client) -> None:
    (deal,) = client.find("sale.opportunity", [["state", "=", "won"]], ["amount"], limit=1)
    fields = ["id", "revision_at", "revised_by", "state", "amount", "conversion_probability"]
    past = [row for row in rows_of(client, "sale.opportunity@history", None, fields) if row["id"] == deal["id"]]
    assert [row["revision_at"] for row in past] == sorted(row["revision_at"] for row in past)
    assert past[0]["state"] == "lead"
    assert past[-1]["state"] == "won"
    assert past[-1]["amount"] == deal["amount"] != past[0]["amount"]
    late = datetime.fromisoformat(past[-1]["revision_at"])
    only_late = [row for row in rows_of(client, "sale.opportunity@history", late, fields) if row["id"] == deal["id"]]
    assert [row["revision_at"] for row in only_late] == [past[-1]["revision_at"]]


def test_a_wrong_password_says_what_to_set(tryton: Handle, connect: Callable[..., Client]) -> None:
    with pytest.raises(Fatal, match="THROUGHLINE_TRYTON_PASSWORD"):
        connect(tryton, password="wrong-one-indeed").count("party.party", [])


def test_an_unknown_database_says_what_to_set(tryton: Handle, connect: Callable[..., Client]) -> None:
    with pytest.raises(Fatal, match="THROUGHLINE_TRYTON_DATABASE"):
        connect(tryton, database="nowhere").count("party.party", [])


def test_a_server_that_is_not_there_is_named(tryton: Handle, connect: Callable[..., Client]) -> None:
    with pytest.raises(Fatal, match=r"tryton.*could not be reached"):
        connect(tryton, url=f"http://127.0.0.1:{free_port()}").count("party.party", [])


def test_an_unknown_model_or_field_is_fatal_to_a_read(client: Client) -> None:
    with pytest.raises(Fatal):
        client.count("no.such.model", [])
    with pytest.raises(Fatal):
        rows_of(client, "party.party", None, ["id", "no_such_field"])


def test_a_forgotten_session_costs_one_login(tryton: Handle, connect: Callable[..., Client]) -> None:
    client = connect(tryton)
    before = client.count("party.party", [])
    client._session = "Session " + "dGhyb3VnaGxpbmU6MTpkZWFk"  # what a restart of the server leaves us with
    assert client.count("party.party", []) == before
    client._session = "Session " + "dGhyb3VnaGxpbmU6MTpkZWFk"
    (made,) = client.create("party.category", [{"name": "After a restart"}])
    assert client.count("party.category", [["name", "=", "After a restart"]]) == 1
    client.delete("party.category", [made])


def test_a_row_that_is_refused_takes_its_batch_with_it(client: Client) -> None:
    before = client.count("party.party", [])
    with pytest.raises(Rejected) as refused:
        client.create("party.party", [{"name": "One", "code": "TWICE"}, {"name": "Two", "code": "TWICE"}])
    assert refused.value.code == "UserError"
    assert client.count("party.party", []) == before


def test_a_crash_of_the_server_is_a_refusal_of_the_record(client: Client) -> None:
    with pytest.raises(Rejected) as refused:
        client.create("party.category", [{"name": "X", "no_such_field": 1}])
    assert refused.value.code == "crash"


def test_a_stale_write_is_to_be_decided_again(client: Client) -> None:
    (category,) = client.create("party.category", [{"name": "Locked"}])
    stale = client.find("party.category", [["id", "=", category]], ["_timestamp"])[0]["_timestamp"]
    client.write("party.category", category, {"name": "Locked by one"}, timestamp=stale)
    with pytest.raises(Retriable) as conflict:
        client.write("party.category", category, {"name": "Locked by two"}, timestamp=stale)
    assert conflict.value.code == "ConcurrencyException"
    assert client.find("party.category", [["id", "=", category]], ["name"])[0]["name"] == "Locked by one"
    client.delete("party.category", [category])


def test_a_button_is_pressed_and_an_illegal_one_is_refused(client: Client) -> None:
    (employee,) = client.find(EMPLOYEE, [["company.party.code", "=", "DE01"]], ["company"], limit=1)
    (party,) = client.find("party.party", [["name", "like", "Alder%"]], [], limit=1)
    company = {"company": employee["company"]}
    (deal,) = client.create(
        "sale.opportunity",
        [
            {
                "description": "Pressed",
                "party": party["id"],
                "employee": employee["id"],
                "amount": Decimal(100),
                **company,
            }
        ],
        context=company,
    )
    client.press("sale.opportunity", "opportunity", [deal], context=company)
    assert client.find("sale.opportunity", [["id", "=", deal]], ["state"])[0]["state"] == "opportunity"
    client.press("sale.opportunity", "lost", [deal], context=company)
    with pytest.raises(Rejected):
        client.press("sale.opportunity", "convert", [deal], context=company)
    assert client.find("sale.opportunity", [["id", "=", deal]], ["state"])[0]["state"] == "lost"


def test_what_changes_now_is_dated_now(client: Client) -> None:
    started = SystemClock().now() - timedelta(seconds=2)
    (category,) = client.create("party.category", [{"name": "Fresh"}])
    fresh = rows_of(client, "party.category", started, ["id", "name"])
    assert {"id": category, "name": "Fresh"} in fresh
    client.delete("party.category", [category])
