"""Each rule of the raw border catches its class of defect, says what it is worth, and lets the others through."""

from __future__ import annotations

import importlib
from decimal import Decimal
from typing import Any

import pytest

from quality.runner import run_raw

LINES = [("T", "F", "119.00"), ("F", "F", "-60.00"), ("F", "F", "-40.00"), ("F", "T", "-19.00")]


def _entry(minutes: int | None, workspace: str = "41") -> dict[str, Any]:
    return {"time_in_minutes": minutes, "rate_in_cents": 15000, "currency": "EUR", "workspace_id": workspace}


CASES = [
    ("account_country_known", "salesforce", "account", {"BillingCountryCode": "DE"},
     [{"BillingCountryCode": None}, {"BillingCountryCode": "XX"}, {"BillingCountryCode": ""}], None, None),
    ("opportunity_amount_present", "salesforce", "opportunity",
     {"IsWon": True, "Amount": 0.0, "CurrencyIsoCode": "EUR"},
     [{"IsWon": True, "Amount": None, "CurrencyIsoCode": "EUR"}], None, None),
    ("project_currency_known", "kantata", "workspaces", {"currency": "USD"},
     [{"currency": "XXX"}, {"currency": None}], None, None),
    ("time_hours_in_range", "kantata", "time_entries", _entry(1440), [_entry(1500)], Decimal("3750"), "EUR"),
    ("time_hours_in_range", "kantata", "time_entries", _entry(1), [_entry(-120)], Decimal("-300"), "EUR"),
    ("time_hours_in_range", "kantata", "time_entries", _entry(480), [_entry(0)], Decimal("0"), "EUR"),
    ("time_hours_in_range", "kantata", "time_entries", _entry(480), [_entry(None)], None, "EUR"),
    ("time_project_known", "kantata", "time_entries", _entry(480), [_entry(480, "49999999")], Decimal("1200"), "EUR"),
    ("invoice_currency_present", "netsuite", "transaction",
     {"id": "9", "type": "CustPymt", "currency": "1", "foreigntotal": "5"},
     [{"id": "8", "type": "CustPymt", "currency": None, "foreigntotal": "5"}], None, None),
    ("opportunity_amount_present", "tryton", "opportunity", {"state": "lead", "amount": None},
     [{"state": "won", "amount": None}], None, None),
    ("time_hours_in_range", "tryton", "timesheet_line", {"duration": 3600.0, "work": 5},
     [{"duration": 0.0, "work": 5}, {"duration": 90000.0, "work": 5}, {"duration": None, "work": 5}], None, None),
    ("time_project_known", "tryton", "timesheet_line", {"duration": 3600.0, "work": 5},
     [{"duration": 3600.0, "work": 6}], None, None),
    ("invoice_currency_present", "tryton", "invoice", {"id": 1, "currency__code": "EUR", "untaxed_amount": 0},
     [{"id": 2, "currency__code": None, "untaxed_amount": 0}], None, None),
    ("invoice_lines_sum_to_header", "tryton", "invoice", {"id": 1, "currency__code": "EUR", "untaxed_amount": -50},
     [{"id": 2, "currency__code": "EUR", "untaxed_amount": 70}], Decimal(70), "EUR"),
    ("employee_email_present", "bamboohr", "employees", {"workEmail": "a@firm.example"},
     [{"workEmail": None}, {"workEmail": " "}], None, None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "system", "table", "good", "bad", "amount", "currency"), CASES)
def test_a_rule_catches_its_class(all_tables, now, rule, system, table, good, bad, amount, currency) -> None:
    raw = all_tables(system)
    if system == "kantata" and table != "workspaces":
        raw.arrive("raw_kantata.workspaces", "41", {"currency": "EUR"})
    if system == "tryton":
        raw.arrive("raw_tryton.timesheet_work", "5", {})
        raw.arrive("raw_tryton.invoice_line", "11", {"invoice": 1, "type": "line", "amount": -50})
        raw.arrive("raw_tryton.invoice_line", "12", {"invoice": 1, "type": "comment", "amount": 3})
        if table == "invoice" and rule == "invoice_currency_present":
            raw.arrive("raw_tryton.invoice_line", "13", {"invoice": 1, "type": "line", "amount": 50})
    raw.arrive(f"raw_{system}.{table}", "good", good)
    for position, payload in enumerate(bad):
        raw.arrive(f"raw_{system}.{table}", f"bad{position}", payload)
    report = run_raw(raw.connection, system, now)
    held = raw.quarantine()
    assert {row["source_id"] for row in held} == {f"bad{i}" for i in range(len(bad))}
    assert {(row["rule"], row["amount"], row["currency"]) for row in held} == {(rule, amount, currency)}
    assert all(row["reason"].endswith(".") and row["load_id"].startswith("load-") for row in held)
    assert report.quarantined == {rule: len(bad)}
    assert report.rows_in == report.accepted + report.quarantined_rows


def test_an_open_deal_needs_no_amount(all_tables, now) -> None:
    raw = all_tables("salesforce")
    raw.arrive("raw_salesforce.opportunity", "o", {"IsWon": False, "Amount": None, "CurrencyIsoCode": "EUR"})
    assert run_raw(raw.connection, "salesforce", now).quarantined == {}


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (LINES, False),
        ([*LINES[:2], ("F", "F", "-140.00"), LINES[3]], True),
        (LINES[:3], True),
        ([], True),
    ],
)
def test_an_invoices_lines_sum_to_its_header(all_tables, now, lines, held) -> None:
    raw = all_tables("netsuite")
    raw.arrive("raw_netsuite.currency", "1", {"symbol": "EUR"})
    invoice = {"id": "7", "type": "CustInvc", "currency": "1", "foreigntotal": "119.00"}
    raw.arrive("raw_netsuite.transaction", "7", invoice)
    for number, (mainline, taxline, amount) in enumerate(lines):
        line = {"transaction": "7", "mainline": mainline, "taxline": taxline, "foreignamount": amount}
        raw.arrive("raw_netsuite.transactionline", f"7{number}", line)
    report = run_raw(raw.connection, "netsuite", now)
    assert report.quarantined == ({"invoice_lines_sum_to_header": 1} if held else {})
    taxed = any(taxline == "T" for _, taxline, _ in lines)
    found = [(row["amount"], row["currency"]) for row in raw.quarantine()]
    assert found == ([(Decimal(100 if taxed else 119), "EUR")] if held else [])


def test_only_the_latest_version_of_a_line_counts(all_tables, now) -> None:
    raw = all_tables("netsuite")
    raw.arrive("raw_netsuite.transaction", "7", {"id": "7", "type": "CustInvc", "currency": "1", "foreigntotal": "50"})
    line = {"transaction": "7", "mainline": "F", "taxline": "F", "foreignamount": "-70"}
    raw.arrive("raw_netsuite.transactionline", "71", line)
    raw.arrive("raw_netsuite.transactionline", "71", line | {"foreignamount": "-50"})
    raw.arrive("raw_netsuite.transactionline", "72", line | {"foreignamount": "-9"})
    raw.arrive("raw_netsuite.transactionline", "72", line | {"foreignamount": "-9"}, deleted=True)
    assert run_raw(raw.connection, "netsuite", now).quarantined == {}


def test_a_row_that_breaks_two_rules_carries_its_money_once(all_tables, now) -> None:
    raw = all_tables("kantata")
    raw.arrive("raw_kantata.time_entries", "t", _entry(1500, "nowhere"))
    report = run_raw(raw.connection, "kantata", now)
    assert report.quarantined == {"time_hours_in_range": 1, "time_project_known": 1}
    assert (report.rows_in, report.accepted, report.quarantined_rows) == (1, 0, 1)
    assert [row["amount"] for row in raw.quarantine()] == [Decimal("3750"), None]


@pytest.mark.parametrize("system", ["salesforce", "kantata", "netsuite", "bamboohr", "tryton"])
def test_a_suite_covers_every_table_of_its_source(system) -> None:
    from ingestion.inventory import source

    suite = importlib.import_module(f"quality.suites.raw.{system}").SUITE
    assert set(suite.tables) == {resource.table for resource in source(system).resources}
