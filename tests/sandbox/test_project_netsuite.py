"""What NetSuite holds of a small firm: signs, statuses, periods, rates, references, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.project import kantata, salesforce
from sandbox.project.netsuite import native_id, project
from sandbox.project.row import Row
from sandbox.truth import (
    AccountingPeriod,
    Contract,
    Customer,
    Defect,
    FxRate,
    Invoice,
    InvoiceLine,
    LegalEntity,
    Opportunity,
    Payment,
    Project,
    StageEvent,
    Truth,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
MARCH = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


def invoice(number: int, amounts: list[str], **changed: Any) -> Invoice:
    values: dict[str, Any] = {
        "id": f"I{number:05d}",
        "number": f"INV-{number}",
        "document_type": "invoice",
        "customer_id": "C0001",
        "project_id": "P0001",
        "contract_id": "K0001",
        "legal_entity_id": "DE01",
        "currency": "EUR",
        "invoice_date": date(2026, 3, 31),
        "due_date": date(2026, 4, 30),
        "created_at": MARCH,
        "posted_at": MARCH + timedelta(hours=2),
        "posting_period": "2026-03",
        "tax_rate": Decimal("0.19"),
        "lines": tuple(
            InvoiceLine(place, "time", f"T{place:06d}", None, Decimal(2), Decimal(amount) / 2, Decimal(amount))
            for place, amount in enumerate(amounts, start=1)
        ),
    }
    return Invoice(**{**values, **changed})


def credit(number: int, amount: str, corrects: str, at: datetime) -> Invoice:
    line = InvoiceLine(1, "time", None, None, Decimal(-1), Decimal(amount), -Decimal(amount))
    return invoice(
        number,
        [],
        document_type="credit_memo",
        lines=(line,),
        corrects_id=corrects,
        created_at=at,
        posted_at=at,
    )


def payment(number: int, invoice_id: str, amount: str, at: datetime) -> Payment:
    return Payment(f"Y{number:05d}", invoice_id, "C0001", "EUR", Decimal(amount), at.date(), at)


def firm(**changed: Any) -> Truth:
    customer = Customer(
        "C0001", "Alster", "Alster AG", "DE", "EUR", "Energy", "alster.example", "DE1", "DE01", 30, None,
        "owner@firm.example", START, START, START, ((MARCH, "Alster Group"),),
    )  # fmt: skip
    stage = StageEvent("closed_won", Decimal(100), 100, date(2026, 1, 20), START)
    deal = Opportunity(
        "O0001", "C0001", "Alster: platform", "EUR", "DE01", "engineering", True, "time_and_materials",
        "owner@firm.example", START, (stage,), START,
    )  # fmt: skip
    contract = Contract(
        "K0001",
        "K-1",
        "O0001",
        "C0001",
        "DE01",
        "EUR",
        START,
        date(2026, 1, 1),
        date(2026, 12, 31),
        Decimal(5000),
        (),
    )
    work = Project(
        "P0001", "Platform", "K0001", "O0001", "C0001", "DE01", "EUR", "time_and_materials", "engineering", "R001",
        date(2026, 1, 1), date(2026, 12, 31), Decimal(100), "RC-DE01", START, (),
    )  # fmt: skip
    values: dict[str, Any] = {
        "start": START,
        "today": TODAY,
        "legal_entities": (
            LegalEntity("DE01", "Firm GmbH", "EUR", "DE", "Europe/Berlin"),
            LegalEntity("US01", "Firm Inc.", "USD", "US", "America/New_York"),
        ),
        "periods": (
            AccountingPeriod("2026-03:DE01", "DE01", "2026-03", date(2026, 3, 1), date(2026, 3, 31), MARCH),
            AccountingPeriod("2026-03:US01", "US01", "2026-03", date(2026, 3, 1), date(2026, 3, 31), None),
        ),
        "fx_rates": (
            FxRate("USD", "EUR", "spot", date(2026, 3, 31), Decimal("0.9")),
            FxRate("USD", "EUR", "closing", date(2026, 3, 31), Decimal("0.91")),
        ),
        "customers": (customer,),
        "opportunities": (deal,),
        "contracts": (contract,),
        "amendments": (),
        "projects": (work,),
        "resources": (),
        "rate_card_lines": (),
        "time_entries": (),
        "milestones": (),
        "invoices": (),
        "payments": (),
    }
    return Truth(**{**values, **changed})


def table(truth: Truth, name: str, at: datetime = TODAY) -> list[Row]:
    return [row for row in project(truth, at) if row.object == name]


def one(truth: Truth, name: str, id_: str, at: datetime = TODAY) -> dict[str, Any]:
    return next(row.record for row in table(truth, name, at) if row.id == id_)


def test_documents_sum_to_nothing_and_revenue_is_negative() -> None:
    truth = firm(invoices=(invoice(1, ["100.00", "50.50"]),))
    lines = [row.record for row in table(truth, "transactionline")]
    assert [line["foreignamount"] for line in lines] == ["179.1", "-100", "-50.5", "-28.6"]
    assert [(line["mainline"], line["taxline"]) for line in lines] == [
        ("T", "F"), ("F", "F"), ("F", "F"), ("F", "T"),
    ]  # fmt: skip
    assert sum(Decimal(line["foreignamount"]) for line in lines) == 0
    assert lines[1]["quantity"] == "-2"
    assert lines[1]["custcol_psa_entry"] == kantata.native_id("time_entry", "T000001")
    assert "custcol_psa_entry" not in lines[0]


def test_a_draft_is_non_posting_until_it_is_posted() -> None:
    truth = firm(invoices=(invoice(1, ["100.00"]),))
    draft = one(truth, "transaction", native_id("invoice", "I00001"), MARCH)
    assert (draft["posting"], draft["status"]) == ("F", "D")
    assert "custbody_posted_at" not in draft
    assert "postingperiod" not in draft
    posted = one(truth, "transaction", native_id("invoice", "I00001"))
    assert (posted["posting"], posted["status"]) == ("T", "A")
    assert posted["custbody_posted_at"] == "2026-03-31T14:00:00"
    assert posted["postingperiod"] == native_id("period", "2026-03:DE01")
    assert posted["foreigntotal"] == posted["foreignamountunpaid"] == "119"
    assert posted["custbody_contract"] == salesforce.native_id("contract", "K0001")
    assert posted["custbody_psa_project"] == kantata.native_id("project", "P0001")


def test_payments_and_credits_settle_an_invoice_and_move_its_change_time() -> None:
    paid_at, credited_at = MARCH + timedelta(days=10), MARCH + timedelta(days=20)
    truth = firm(
        invoices=(invoice(1, ["100.00"]), credit(2, "50.00", "I00001", credited_at)),
        payments=(payment(1, "I00001", "100.00", paid_at),),
    )
    half = one(truth, "transaction", native_id("invoice", "I00001"), paid_at)
    assert (half["foreignamountpaid"], half["foreignamountunpaid"], half["status"]) == ("100", "19", "A")
    settled = one(truth, "transaction", native_id("invoice", "I00001"))
    assert (settled["foreignamountunpaid"], settled["status"]) == ("0", "B")
    assert settled["lastmodifieddate"] == "2026-04-20T12:00:00"
    memo = one(truth, "transaction", native_id("invoice", "I00002"))
    assert memo["type"] == "CustCred"
    assert memo["foreigntotal"] == "-59.5"
    # Only what was still open could be applied.
    assert (memo["foreignpaymentamountused"], memo["foreignpaymentamountunused"]) == ("19", "40.5")
    links = [(row.record["nexttype"], row.record["foreignamount"]) for row in table(truth, "nexttransactionlinelink")]
    assert links == [("CustPymt", "100"), ("CustCred", "19")]
    main = one(truth, "transactionline", f"{native_id('invoice', 'I00002')}0000")
    assert main["createdfrom"] == native_id("invoice", "I00001")


def test_each_company_closes_its_own_period() -> None:
    truth = firm()
    german, american = (native_id("period", f"2026-03:{entity}") for entity in ("DE01", "US01"))
    assert one(truth, "accountingperiod", german)["closed"] == "T"
    assert one(truth, "accountingperiod", german)["closedondate"] == "2026-03-31T12:00:00"
    assert one(truth, "accountingperiod", american)["closed"] == "F"
    assert one(truth, "accountingperiod", german, MARCH - timedelta(seconds=1))["closed"] == "F"
    calendars = {
        row.record["accountingperiod"]: row.record["fiscalcalendar"]
        for row in table(truth, "accountingperiodfiscalcalendars")
    }
    assert calendars == {german: "1", american: "2"}


def test_rates_are_units_of_base_for_one_of_transaction_currency() -> None:
    spot = table(firm(), "currencyrate")[0].record
    assert (spot["transactioncurrency"], spot["basecurrency"], spot["exchangerate"]) == ("2", "1", "0.9")
    closing = table(firm(), "consolidatedexchangerate")[0].record
    assert (closing["currentrate"], closing["averagerate"]) == ("0.91", "0.9")
    assert closing["postingperiod"] == native_id("period", "2026-03:DE01")
    assert not table(firm(), "consolidatedexchangerate", MARCH)


def test_foreign_documents_carry_both_amounts() -> None:
    truth = firm(invoices=(invoice(1, ["100.00"], currency="USD", tax_rate=Decimal(0)),))
    line = one(truth, "transactionline", f"{native_id('invoice', 'I00001')}0001")
    assert (line["foreignamount"], line["netamount"]) == ("-100", "-90")


def test_the_erp_keeps_the_name_it_was_told() -> None:
    record = one(firm(), "customer", native_id("customer", "C0001"))
    assert record["companyname"] == "Alster"
    assert record["externalid"] == f"salesforce_{salesforce.native_id('account', 'C0001')}"
    assert record["custentity_crm_account"] == f"salesforce:{salesforce.native_id('account', 'C0001')}"


def test_what_our_push_creates_is_left_out() -> None:
    truth = firm(invoices=(invoice(1, ["100.00"]),))
    ours = replace(truth, projects=(replace(truth.projects[0], created_at=None),))
    for name in ("transaction", "transactionline", "customrecord_billing_schedule"):
        assert table(truth, name)
        assert not table(ours, name)
    unknown = replace(truth, customers=(replace(truth.customers[0], known_to_erp_at=None),))
    for name in ("customer", "transaction", "customersubsidiaryrelationship"):
        assert not table(unknown, name)


def test_a_deal_won_twice_has_one_schedule_with_the_new_contract() -> None:
    truth = firm()
    later = START + timedelta(days=40)
    contract = replace(truth.contracts[0], id="K0002", signed_at=later, amount=Decimal(7000))
    work = replace(truth.projects[0], id="P0002", contract_id="K0002", created_at=later)
    twice = replace(truth, contracts=(*truth.contracts, contract), projects=(*truth.projects, work))
    (row,) = table(twice, "customrecord_billing_schedule")
    assert row.id == native_id("billing_schedule", "O0001")
    assert row.record["externalid"] == f"opp_{salesforce.native_id('opportunity', 'O0001')}_1"
    assert row.record["custrecord_bs_amount"] == "7000"
    assert row.record["custrecord_bs_project"] == kantata.native_id("project", "P0001")


@pytest.mark.parametrize("rule", ["invoice_currency_present", "invoice_lines_sum_to_header"])
def test_known_defects_spoil_the_row_that_they_name(rule: str) -> None:
    invoices = (invoice(1, ["100.00"]), invoice(2, ["100.00"]))
    truth = firm(invoices=invoices, defects=(Defect(rule, "netsuite", "transaction", "I00001"),))
    bad, good = (one(truth, "transaction", native_id("invoice", id_)) for id_ in ("I00001", "I00002"))
    sums = [
        sum(
            Decimal(row.record["foreignamount"])
            for row in table(truth, "transactionline")
            if row.record["transaction"] == document["id"]
        )
        for document in (bad, good)
    ]
    assert good["currency"] == "1"
    assert sums[1] == 0
    assert ("currency" in bad) == (rule != "invoice_currency_present")
    assert (sums[0] != 0) == (rule == "invoice_lines_sum_to_header")
    # The header is right either way: the money that the gate holds back is the invoice's own.
    assert bad["foreigntotal"] == "119"


def test_ids_of_one_sequence_never_meet() -> None:
    ids = [native_id(kind, f"X{number:05d}") for kind in ("invoice", "payment") for number in range(3)]
    assert len(set(ids)) == len(ids)
    assert native_id("customer", "C0007") == native_id("customer", "C0007")
    with pytest.raises(KeyError):
        native_id("planet", "X1")
