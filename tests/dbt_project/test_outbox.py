"""The outbox models of the sandbox's firm: what is eligible and why not, what is adopted, and the engine's contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reverse_etl.canonical import shows
from reverse_etl.spec import SyncSpec
from reverse_etl.syncs import SANDBOX, TRYTON

A = "2026-09-01 08:00:00"
COLUMNS = [
    "key", "eligible", "ineligible_reason", "payload", "observed_native_id", "observed_payload", "business_key", "client",
    "amount", "currency", "legal_entity_code", "posting_date", "correlation_id", "depends_on",
]  # fmt: skip


def deal(id_: str, *, won: bool = True, approved: bool = True, services: bool = True, **row: Any) -> dict[str, Any]:
    return {
        "source_id": id_, "customer_source_id": "A1", "name": f"Deal {id_}", "amount": 1000, "currency": "EUR",
        "stage": "closed_won" if won else "propose", "is_won": won, "is_closed": won, "is_services": services,
        "billing_method": "time_and_materials", "service_line": "strategy", "legal_entity_code": "DE01",
        "contract_approved_at": A if approved else None, "created_at": A, **row,
    }  # fmt: skip


def facts() -> dict[str, list[dict[str, Any]]]:
    deals = [
        # Provisioned before us, by people: customer, project, schedule and ids are all there.
        deal("O1", project_ref="kantata:P1", erp_customer_ref="netsuite:E1", billing_schedule_ref="netsuite:S1"),
        deal("O2"),
        deal("O3", approved=False),
        deal("O4", services=False),
        deal("O5", won=False),
        deal("O6", won=False),
        deal("O7", customer_source_id="A2"),
    ]
    won = [d["source_id"] for d in deals if d["is_won"]] + ["O6"]
    events = [
        {
            "source_id": f"{id_}-1",
            "opportunity_source_id": id_,
            "stage": "closed_won",
            "is_won": True,
            "occurred_at": A,
        }
        for id_ in won
    ]
    events.append({"source_id": "O6-2", "opportunity_source_id": "O6", "stage": "negotiate", "is_won": False,
                   "occurred_at": "2026-09-05 08:00:00"})  # fmt: skip
    entry = {"known_from": A, "project_source_id": "P1", "resource_ref": "ann@x.example", "hours": 7.5, "billable": True,
             "bill_rate": 100, "currency": "EUR", "approved_at": A}  # fmt: skip
    period = {"legal_entity_source_id": "1", "status": "open"}
    return {
        "map_legal_entity__netsuite": [{"source_id": "1", "code": "DE01", "name": "DE", "functional_currency": "EUR",
                                        "country": "DE", "time_zone": "Europe/Berlin"}],
        "map_accounting_period__netsuite": [
            {"source_id": "9", "period": "2026-09", "start_date": "2026-09-01", "end_date": "2026-09-30", **period},
            {"source_id": "10", "period": "2026-10", "start_date": "2026-10-01", "end_date": "2026-10-31", **period},
            {"source_id": "11", "period": "2026-11", "start_date": "2026-11-01", "end_date": "2026-11-30", **period,
             "status": "closed", "closed_at": A},
        ],
        "map_customer__salesforce": [
            {"source_id": "A1", "name": "Alder", "country": "DE", "currency": "EUR", "created_at": A},
            {"source_id": "A2", "name": "Birch", "country": "DE", "currency": "EUR", "created_at": A},
            {"source_id": "A3", "name": "No deal", "country": "DE", "currency": "EUR", "created_at": A},
        ],
        "map_customer__netsuite": [
            {"source_id": "E1", "name": "Alder", "country": "DE", "currency": "EUR", "external_ref": "salesforce:A1"},
        ],
        "map_customer__kantata": [{"source_id": "K1", "name": "Alder", "external_ref": "salesforce:A1"}],
        "map_billing_account__netsuite": [{"source_id": "B1", "customer_source_id": "E1", "legal_entity_source_id": "1"}],
        "map_opportunity__salesforce": deals,
        "map_opportunity_stage_event__salesforce": events,
        "map_contract__salesforce": [
            {"source_id": f"C{id_}", "number": id_, "opportunity_source_id": id_, "customer_source_id": "A1",
             "legal_entity_code": "DE01", "currency": "EUR", "status": "signed", "signed_at": A,
             "start_date": "2026-09-10", "end_date": "2026-12-31", "original_amount": 900}
            for id_ in ("O1", "O2")
        ],
        "map_project__kantata": [
            {"source_id": "P1", "project_number": "P1", "name": "Named by its manager", "customer_source_id": "K1",
             "opportunity_ref": "salesforce:O1", "contract_ref": "salesforce:CO1", "legal_entity_code": "DE01",
             "currency": "EUR", "billing_method": "time_and_materials", "service_line": "strategy", "status": "active",
             "start_date": "2026-09-15", "created_at": A},
        ],
        "map_billing_schedule__netsuite": [
            {"source_id": "S1", "external_id": "opp_O1_1", "name": "Deal O1", "customer_source_id": "E1",
             "project_ref": "kantata:P1", "opportunity_ref": "salesforce:O1", "contract_ref": "salesforce:CO1",
             "billing_method": "time_and_materials", "amount": 900, "currency": "EUR", "start_date": "2026-09-10",
             "end_date": "2026-12-31", "status": "Active"},
        ],
        "map_resource__bamboohr": [{"source_id": "H1", "employee_number": "R1", "email": "ann@x.example",
                                    "practice": "Strategy", "is_active": True}],
        "map_time_entry__kantata": [
            {"source_id": "T1", "work_date": "2026-10-05", "status": "approved", **entry},
            {"source_id": "T2", "work_date": "2026-10-06", "status": "submitted", **entry},
            {"source_id": "T3", "work_date": "2026-09-05", "status": "approved", **entry},
            {"source_id": "T4", "work_date": "2026-11-05", "status": "approved", **entry},
        ],
        "map_time_entry__netsuite": [
            {"source_id": "N1", "external_ref": "kantata:T1", "work_date": "2026-10-05", "status": "approved", **entry},
        ],
        "map_invoice__netsuite": [
            {"source_id": "I1", "number": "INV-1", "document_type": "invoice", "customer_source_id": "E1",
             "legal_entity_source_id": "1", "project_ref": "kantata:P1", "contract_ref": "salesforce:CO1", "currency": "EUR",
             "invoice_date": "2026-09-30", "due_date": "2026-10-30", "posted_at": "2026-10-01 10:00:00", "net_amount": 100,
             "tax_amount": 19, "gross_amount": 119, "open_amount": 19, "status": "partly_paid"},
            {"source_id": "I2", "document_type": "invoice", "customer_source_id": "E1", "legal_entity_source_id": "1",
             "project_ref": "kantata:P1", "currency": "EUR", "net_amount": 50, "gross_amount": 50, "status": "draft"},
        ],
        "map_payment__netsuite": [
            {"source_id": "Y1", "invoice_source_id": "I1", "customer_source_id": "E1", "currency": "EUR", "amount": 100,
             "received_date": "2026-10-10", "applied_at": "2026-10-10 09:00:00"},
        ],
    }  # fmt: skip


def tryton_facts() -> dict[str, list[dict[str, Any]]]:
    """One client, a deal whose project people opened, and one that nobody has provisioned."""
    won = {
        "source_system": "tryton",
        "customer_source_id": "7",
        "legal_entity_code": "DE01",
        "service_line": "strategy",
    }
    return {
        "map_legal_entity__tryton": [
            {"source_id": "1", "code": "DE01", "name": "DE", "functional_currency": "EUR", "country": "DE",
             "time_zone": "Europe/Berlin"},
        ],
        "map_accounting_period__tryton": [
            {"source_id": "10", "legal_entity_source_id": "1", "period": "2026-10", "start_date": "2026-10-01",
             "end_date": "2026-10-31", "status": "open"},
        ],
        "map_customer__tryton": [{"source_id": "7", "name": "Alder", "country": "DE", "created_at": A}],
        "map_opportunity__tryton": [deal("12") | won, deal("13", billing_method="fixed_fee") | won],
        "map_opportunity_stage_event__tryton": [
            {"source_id": f"{id_}-1", "opportunity_source_id": id_, "stage": "closed_won", "is_won": True, "occurred_at": A}
            for id_ in ("12", "13")
        ],
        "map_project__tryton": [
            {"source_id": "30", "project_number": "30", "name": "Named by its manager", "customer_source_id": "7",
             "opportunity_ref": "tryton:12", "legal_entity_code": "DE01", "currency": "EUR", "status": "active",
             "billing_method": "time_and_materials", "created_at": A},
        ],
        "map_resource__tryton": [{"source_id": "5", "employee_number": "5", "email": "ann@x.example", "is_active": True}],
        "map_time_entry__tryton": [
            {"source_id": "90", "known_from": A, "project_source_id": "30", "resource_ref": "ann@x.example",
             "work_date": "2026-10-05", "hours": 4, "billable": True, "bill_rate": 100, "currency": "EUR",
             "status": "approved", "approved_at": A},
        ],
        "map_invoice__tryton": [
            {"source_id": "40", "number": "2026/1", "document_type": "invoice", "customer_source_id": "7",
             "legal_entity_source_id": "1", "project_ref": "tryton:30", "currency": "EUR", "posted_at": A,
             "net_amount": 100, "gross_amount": 119, "open_amount": 119, "status": "posted"},
            {"source_id": "41", "number": "2026/2", "document_type": "invoice", "customer_source_id": "7",
             "legal_entity_source_id": "1", "currency": "EUR", "posted_at": A, "net_amount": 1, "gross_amount": 1,
             "open_amount": 1, "status": "posted"},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def built(build: Callable[..., Any]) -> Any:
    return build(facts())


@pytest.fixture(scope="module")
def tryton(build: Callable[..., Any]) -> Any:
    return build(tryton_facts(), systems=["tryton"])


def outbox(built: Any, relation: str) -> dict[str, dict[str, Any]]:
    rows = built.rows(f"select {', '.join(COLUMNS)} from sync.{relation}")
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}


def columns(built: Any, relation: str) -> list[str]:
    return [
        row[0]
        for row in built.rows(
            "select column_name from information_schema.columns where table_schema = 'sync' and table_name = ?"
            " order by ordinal_position",
            relation,
        )
    ]


def keeps_the_contract(built: Any, spec: SyncSpec) -> None:
    """Columns in order, a reason where and only where a row is not eligible, payloads of exactly the spec's fields."""
    assert columns(built, spec.relation) == COLUMNS
    rows = outbox(built, spec.relation)
    assert any(row["eligible"] for row in rows.values())
    for row in rows.values():
        assert row["eligible"] == (row["ineligible_reason"] is None)
        assert (row["observed_native_id"] is None) == (row["observed_payload"] is None)
        for told in ("payload", "observed_payload"):
            if row[told] is not None:
                assert tuple(json.loads(row[told])) == spec.fields


@pytest.mark.parametrize("spec", SANDBOX, ids=lambda spec: spec.sync_id)
def test_contract_of_the_sandbox(built, spec):
    keeps_the_contract(built, spec)


@pytest.mark.parametrize("spec", TRYTON, ids=lambda spec: spec.sync_id)
def test_contract_of_tryton(tryton, spec):
    keeps_the_contract(tryton, spec)


def test_tryton_adopts_parties_and_projects_that_are_there(tryton):
    ids = {"party_7": "7", "opp:12:1": "30"}
    for relation, key in (("sync_tryton__customer", "party_7"), ("sync_tryton__project", "opp:12:1")):
        row = outbox(tryton, relation)[key]
        assert row["observed_native_id"] == ids[key]
        assert shows(json.loads(row["observed_payload"]), resolved(json.loads(row["payload"]), ids))
    fresh = outbox(tryton, "sync_tryton__project")["opp:13:1"]
    assert fresh["observed_native_id"] is None
    assert json.loads(fresh["payload"])["invoice_method"] == "progress"


def test_tryton_shows_an_invoice_on_its_deal_or_says_that_it_has_none(tryton):
    rows = outbox(tryton, "sync_tryton__invoice_status")
    assert {key: row["ineligible_reason"] for key, row in rows.items()} == {
        "tryton:40": None,
        "tryton:41": "invoice without deal",
    }
    assert json.loads(rows["tryton:40"]["payload"])["opportunity"] == "12"


def test_business_states_decide_and_say_why(built):
    rows = outbox(built, "sync_kantata__project")
    assert {row["business_key"]: row["ineligible_reason"] for row in rows.values()} == {
        "Deal O1": None,
        "Deal O2": None,
        "Deal O3": "contract not approved",
        "Deal O4": "not a services deal",
        "Deal O5": "not won",
        "Deal O6": "won and reopened",
        "Deal O7": None,
    }


def resolved(payload: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The payload with its references filled in."""
    return {name: ids[value["$ref"]["key"]] if isinstance(value, dict) else value for name, value in payload.items()}


@pytest.mark.parametrize(
    ("relation", "key"),
    [
        ("sync_netsuite__customer", "salesforce_A1"),
        ("sync_kantata__project", "opp:O1:1"),
        ("sync_netsuite__billing_schedule", "opp_O1_1"),
        ("sync_salesforce__opportunity_provisioning", "O1"),
    ],
)
def test_what_people_made_is_adopted_not_sent_again(built, relation, key):
    row = outbox(built, relation)[key]
    ids = {"salesforce_A1": "E1", "opp:O1:1": "P1", "opp_O1_1": "S1"}
    assert row["eligible"]
    assert row["observed_native_id"] in {*ids.values(), "O1"}
    assert shows(json.loads(row["observed_payload"]), resolved(json.loads(row["payload"]), ids))


def test_a_new_deal_names_what_it_waits_for(built):
    project = outbox(built, "sync_kantata__project")["opp:O7:1"]
    assert project["observed_native_id"] is None
    assert json.loads(project["depends_on"]) == ["netsuite/customer/salesforce_A2"]
    schedule = json.loads(outbox(built, "sync_netsuite__billing_schedule")["opp_O7_1"]["payload"])
    assert schedule["custrecord_bs_customer"] == {
        "$ref": {"entity": "customer", "system": "netsuite", "key": "salesforce_A2"}
    }
    assert schedule["custrecord_bs_project"] == {"$ref": {"entity": "project", "system": "kantata", "key": "opp:O7:1"}}


def test_a_new_project_is_proposed_from_deal_and_contract(built):
    payload = json.loads(outbox(built, "sync_kantata__project")["opp:O2:1"]["payload"])
    assert payload == {
        "title": "Deal O2", "workspace_group_id": "K1", "currency": "EUR", "start_date": "2026-09-10",
        "due_date": "2026-12-31", "opportunity_ref": "salesforce:O2", "contract_ref": "salesforce:CO2",
        "legal_entity": "DE01", "billing_method": "time_and_materials", "service_line": "strategy",
    }  # fmt: skip


def test_customers_without_an_approved_deal_are_no_row_of_the_erp(built):
    rows = outbox(built, "sync_netsuite__customer")
    assert {key: row["eligible"] for key, row in rows.items()} == {
        "salesforce_A1": True,
        "salesforce_A2": True,
    }


def test_invoice_status_tells_what_is_open_and_when_money_came(built):
    rows = outbox(built, "sync_salesforce__invoice_status")
    assert rows["netsuite:I2"]["ineligible_reason"] == "invoice not posted"
    assert json.loads(rows["netsuite:I1"]["payload"]) == {
        "Invoice_Number__c": "INV-1", "Opportunity__c": "O1", "Account__c": "A1", "Status__c": "partly_paid",
        "Net_Amount__c": 100, "Gross_Amount__c": 119, "Open_Amount__c": 19, "CurrencyIsoCode": "EUR",
        "Invoice_Date__c": "2026-09-30", "Due_Date__c": "2026-10-30", "Posted_At__c": "2026-10-01T10:00:00Z",
        "Last_Payment_Date__c": "2026-10-10",
    }  # fmt: skip


def test_time_goes_out_approved_in_an_open_period_with_its_dimensions(built):
    rows = outbox(built, "sync_netsuite__time_entry")
    assert {key: row["ineligible_reason"] for key, row in rows.items()} == {
        "kantata_T1": None,
        "kantata_T2": "not approved",
        "kantata_T4": "period not open",
    }
    assert json.loads(rows["kantata_T1"]["payload"]) == {
        "customer": "E1", "employee": "R1", "subsidiary": "1", "department": "3", "class": "3", "location": "1",
        "tranDate": "2026-10-05", "hours": 7.5, "isBillable": True, "rate": 100, "custcol_psa_project": "P1",
        "custcol_psa_entry": "T1",
    }  # fmt: skip
    assert rows["kantata_T1"]["observed_native_id"] == "N1"
