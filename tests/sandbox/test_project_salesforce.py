"""The firm's truth in Salesforce's shape: ids, instants, what is known by when, known defects."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sandbox.fakes.salesforce_objects import OBJECTS
from sandbox.project import kantata, netsuite
from sandbox.project.row import Row
from sandbox.project.salesforce import check_characters, instant, native_id, project
from sandbox.truth import (
    Amendment,
    Contract,
    ContractLine,
    Customer,
    Defect,
    Opportunity,
    Project,
    StageEvent,
    Truth,
)

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def days(count: float) -> datetime:
    return T0 + timedelta(days=count)


CUSTOMER = Customer(
    "C0001", "Nordlicht", "Nordlicht AG", "DE", "EUR", "Energy", "nordlicht.example", "DE123", "DE01", 30, None,
    "anna.vogt@firm.example", days(0), days(30), days(25), ((days(40), "Nordlicht Energie"),),
)  # fmt: skip
DEAL = Opportunity(
    "O0001", "C0001", "Nordlicht: grid model", "EUR", "DE01", "engineering", True, "time_and_materials",
    "anna.vogt@firm.example", days(1),
    (
        StageEvent("qualify", Decimal("90000"), 20, date(2026, 3, 1), days(1)),
        StageEvent("propose", Decimal("100000.50"), 50, date(2026, 3, 1), days(10)),
        StageEvent("closed_won", Decimal("100000.50"), 100, date(2026, 2, 20), days(20)),
    ),
    days(22),
)  # fmt: skip
LINE = ContractLine(
    "K0001-1", "K0001", 1, "time_and_materials", "as_billed", Decimal("100000.50"), Decimal("640"), Decimal("95000"),
    "RC-DE01", None, None,
)  # fmt: skip
CONTRACT = Contract(
    "K0001", "CT-0001", "O0001", "C0001", "DE01", "EUR", days(22), date(2026, 2, 1), date(2026, 8, 31),
    Decimal("100000.50"), (LINE,),
)  # fmt: skip
WORK = Project(
    "P0001", "Nordlicht grid model", "K0001", "O0001", "C0001", "DE01", "EUR", "time_and_materials", "engineering",
    "R001", date(2026, 2, 1), date(2026, 8, 31), Decimal("640"), "RC-DE01", days(26), (),
)  # fmt: skip
CHANGE = Amendment("A0001", "K0001", 1, date(2026, 4, 1), days(60), Decimal("5000"), Decimal("30"), None, "more scope")
TRUTH = Truth(T0, days(365), (), (), (), (CUSTOMER,), (DEAL,), (CONTRACT,), (CHANGE,), (WORK,), (), (), (), (), (), ())


def at(when: datetime, truth: Truth = TRUTH) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in project(truth, when):
        found.setdefault(row.object, []).append(row)
    return found


def test_ids_have_the_key_prefix_and_the_check_characters() -> None:
    for kind, prefix in (("account", "001"), ("opportunity", "006"), ("contract", "800"), ("user", "005")):
        made = native_id(kind, "X1")
        assert re.fullmatch(rf"{prefix}[A-Za-z0-9]{{15}}", made)
        assert made[15:] == check_characters(made[:15])
        assert made == native_id(kind, "X1") != native_id(kind, "X2")
    # A published pair of the 15- and the 18-character form.
    assert check_characters("001A0000006Vm9r") == "IAC"


def test_every_record_has_exactly_the_fields_that_the_org_describes() -> None:
    for name, rows in at(days(100)).items():
        for row in rows:
            assert set(row.record) == set(OBJECTS[name].fields), name


def test_nothing_is_known_before_it_was_recorded() -> None:
    assert set(at(days(-1))) <= {"User"}
    early = at(days(12))
    assert [r.record["StageName"] for r in early["Opportunity"]] == ["Proposal/Price Quote"]
    assert "Contract" not in early
    assert early["Account"][0].record["ERP_Customer_Id__c"] is None
    assert early["Account"][0].record["Name"] == "Nordlicht"
    for when in (days(12), days(23), days(45)):
        for rows in at(when).values():
            for row in rows:
                assert row.modified <= when
                assert row.record["SystemModstamp"] == instant(row.modified)


def test_a_won_and_provisioned_deal_carries_the_ids_that_were_written_back() -> None:
    before, after = at(days(25.5))["Opportunity"][0], at(days(45))["Opportunity"][0]
    assert before.record["PSA_Project_Id__c"] is None
    assert before.record["IsWon"] is True
    assert before.record["Contract_Approved_At__c"] == "2026-01-27T09:00:00.000+0000"
    assert after.record["PSA_Project_Id__c"] == kantata.native_id("project", "P0001")
    assert after.record["ERP_Customer_Id__c"] == netsuite.native_id("customer", "C0001")
    assert after.record["Billing_Schedule_Id__c"] == netsuite.native_id("billing_schedule", "O0001")
    assert after.record["Provisioning_Status__c"] == "Provisioned"
    assert after.modified == WORK.created_at


def test_a_project_that_our_push_will_create_leaves_the_deal_without_ids() -> None:
    waiting = replace(TRUTH, projects=(replace(WORK, created_at=None),))
    record = at(days(100), waiting)["Opportunity"][0].record
    names = ("PSA_Project_Id__c", "ERP_Customer_Id__c", "Billing_Schedule_Id__c", "Provisioning_Status__c")
    assert [record[name] for name in names] == [None] * 4


def test_history_says_when_it_changed_and_when_that_was_superseded() -> None:
    rows = sorted(at(days(15))["OpportunityHistory"], key=lambda r: str(r.record["CreatedDate"]))
    assert [(r.record["StageName"], r.record["CreatedDate"], r.record["SystemModstamp"]) for r in rows] == [
        ("Qualification", instant(days(1)), instant(days(10))),
        ("Proposal/Price Quote", instant(days(10)), instant(days(10))),
    ]


def test_contract_lines_stay_as_agreed_and_amendments_are_rows_of_their_own() -> None:
    found = at(days(100))
    assert found["Contract_Line__c"][0].record["Planned_Hours__c"] == 640.0
    assert found["Contract_Line__c"][0].record["Contract__c"] == found["Contract"][0].id
    assert found["Contract_Amendment__c"][0].record["Hours_Delta__c"] == 30.0
    assert found["Contract_Amendment__c"][0].record["New_NTE_Cap__c"] is None


def test_a_renamed_account_has_its_new_name_from_then_on() -> None:
    account = at(days(41))["Account"][0]
    assert (account.record["Name"], account.modified) == ("Nordlicht Energie", days(40))


def test_defects_corrupt_the_row_that_they_name() -> None:
    broken = replace(
        TRUTH,
        defects=(
            Defect("account_country_known", "salesforce", "account", "C0001"),
            Defect("opportunity_amount_present", "salesforce", "opportunity", "O0001"),
        ),
    )
    found = at(days(100), broken)
    assert found["Account"][0].record["BillingCountryCode"] in (None, "XX")
    assert found["Opportunity"][0].record["Amount"] is None
    assert found["Opportunity"][0].record["IsWon"] is True
