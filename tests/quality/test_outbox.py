"""The outbox gate on exact batches: whole contracts pass, each kind of damage shuts it, and so does what it can't judge."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from quality.runner import run_outbox

ACCOUNT = "001Hs00000000001AA"
REF = {"$ref": {"entity": "customer", "system": "netsuite", "key": f"salesforce_{ACCOUNT}"}}

TIME = {
    "customer": REF, "employee": "R001", "subsidiary": "1", "department": "2", "class": None, "location": "1",
    "tranDate": "2026-10-01", "hours": 7.5, "isBillable": True, "rate": 150.0, "custcol_psa_project": "41",
    "custcol_psa_entry": "700",
}  # fmt: skip
STATUS = {
    "Invoice_Number__c": "INV-1", "Opportunity__c": None, "Account__c": ACCOUNT, "Status__c": "posted",
    "Net_Amount__c": -100.0, "Gross_Amount__c": -119.0, "Open_Amount__c": 0, "CurrencyIsoCode": "EUR",
    "Invoice_Date__c": "2026-10-01", "Due_Date__c": "2026-10-31", "Posted_At__c": "2026-10-01T09:00:00Z",
    "Last_Payment_Date__c": None,
}  # fmt: skip


def row(key: str, payload: dict[str, Any] | str | None, /, **columns: Any) -> dict[str, Any]:
    return {
        "key": key, "eligible": True, "ineligible_reason": None,
        "payload": payload if payload is None or isinstance(payload, str) else json.dumps(payload),
        "observed_native_id": None, "observed_payload": None, "business_key": "b", "client": "Client",
        "amount": Decimal("1125.0000"), "currency": "EUR", "legal_entity_code": "DE01",
        "posting_date": date(2026, 10, 1), "correlation_id": "kantata:700", "depends_on": None,
    } | columns  # fmt: skip


def time(number: int = 700, **columns: Any) -> dict[str, Any]:
    payload = columns.pop("payload", TIME)
    return row(f"kantata_{number}", payload, **columns)


def rules(verdict) -> set[str]:
    return {rule["rule"] for rule in verdict.evidence["rules"] if not rule["passed"]}


def test_a_good_batch_may_leave() -> None:
    blocked = time(702, payload=None, eligible=False, ineligible_reason="not approved", amount=None, currency=None)
    verdict = run_outbox("sync_netsuite__time_entry", [time(), time(701), blocked])
    assert verdict.passed, verdict.failures
    assert verdict.evidence["rows"] == {'"sync_netsuite__time_entry"': 3}


def test_an_empty_batch_has_nothing_wrong() -> None:
    assert run_outbox("sync_netsuite__time_entry", []).passed


def test_payloads_may_be_values_instead_of_text() -> None:
    plain = row(ACCOUNT, None, payload=STATUS, depends_on=["netsuite/customer/x"], amount=-100)
    assert run_outbox("sync_salesforce__invoice_status", [plain]).passed


DAMAGE = [
    ("key_present", {"key": None}),
    ("key_well_formed", {"key": "kantata 700"}),
    ("key_shape", {"key": "salesforce_700"}),
    ("eligible_stated", {"eligible": None}),
    ("reason_given", {"ineligible_reason": "because"}),
    ("reason_given", {"eligible": False}),
    ("payload_is_object", {"payload": None}),
    ("payload_is_object", {"payload": "[1]"}),
    ("payload_is_object", {"payload": "{broken"}),
    ("payload_complete", {"payload": {k: v for k, v in TIME.items() if k != "class"}}),
    ("payload_complete", {"payload": TIME | {"extra": 1}}),
    ("payload_flat", {"payload": TIME | {"location": ["1"]}}),
    ("payload_flat", {"payload": TIME | {"customer": {"$ref": {"entity": "customer", "system": "netsuite"}}}}),
    ("observed_whole", {"observed_native_id": "7"}),
    ("amount_with_currency", {"currency": None}),
    ("currency_known", {"currency": "XXX"}),
    ("correlated", {"correlation_id": None}),
    ("depends_on_is_list", {"depends_on": '"x"'}),
    ("hours_in_range", {"payload": TIME | {"hours": 0}}),
    ("hours_in_range", {"payload": TIME | {"hours": 25}}),
    ("hours_in_range", {"payload": TIME | {"hours": None}}),
    ("rate_not_negative", {"payload": TIME | {"rate": -1}}),
    ("customer_present", {"payload": TIME | {"customer": None}}),
    ("subsidiary_well_formed", {"payload": TIME | {"subsidiary": "DE01"}}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "damage"), DAMAGE, ids=[f"{rule}{n}" for n, (rule, _) in enumerate(DAMAGE)])
def test_one_bad_row_shuts_the_gate_for_its_batch(rule, damage) -> None:
    verdict = run_outbox("sync_netsuite__time_entry", [time(), time(701), time(702, **damage)])
    assert not verdict.passed
    assert rule in rules(verdict)
    assert any(rule in failure for failure in verdict.failures)


def test_a_key_that_comes_twice() -> None:
    verdict = run_outbox("sync_netsuite__time_entry", [time(), time()])
    assert rules(verdict) == {"key_unique"}


def test_damage_to_a_row_that_must_not_go_is_no_reason_to_stop() -> None:
    held = time(702, payload=TIME | {"hours": 99}, eligible=False, ineligible_reason="over the day's hours")
    assert run_outbox("sync_netsuite__time_entry", [time(), held]).passed


@pytest.mark.parametrize(
    ("relation", "good", "bad"),
    [
        ("sync_salesforce__invoice_status", row(ACCOUNT, STATUS), row(ACCOUNT, STATUS | {"Account__c": "20001"})),
        (
            "sync_salesforce__opportunity_provisioning",
            row("006Hs00000000001AA", {"PSA_Project_Id__c": "4", "ERP_Customer_Id__c": REF, "Billing_Schedule_Id__c": "9",
                                       "Provisioning_Status__c": "Provisioned"}),
            row("006Hs00000000001AA", {"PSA_Project_Id__c": None, "ERP_Customer_Id__c": REF, "Billing_Schedule_Id__c": "9",
                                       "Provisioning_Status__c": "Provisioned"}),
        ),
        (
            "sync_netsuite__customer",
            row(f"salesforce_{ACCOUNT}", {"companyName": "A", "subsidiary": "1", "currency": "EUR",
                                          "custentity_crm_account": f"salesforce:{ACCOUNT}"}),
            row(f"salesforce_{ACCOUNT}", {"companyName": "A", "subsidiary": "1", "currency": "XXX",
                                          "custentity_crm_account": f"salesforce:{ACCOUNT}"}),
        ),
        (
            "sync_kantata__project",
            row("opp:006Hs00000000001AA:1", {"title": "P", "currency": "EUR", "start_date": "2026-01-01",
                "due_date": "2026-02-01", "opportunity_ref": "salesforce:006Hs00000000001AA", "legal_entity": "DE01",
                "billing_method": "fixed_fee", "workspace_group_id": None}),
            row("opp:006Hs00000000001AA:1", {"title": "P", "currency": "EUR", "start_date": "2026-03-01",
                "due_date": "2026-02-01", "opportunity_ref": "salesforce:006Hs00000000001AA", "legal_entity": "DE01",
                "billing_method": "fixed_fee", "workspace_group_id": None}),
        ),
        (
            "sync_netsuite__billing_schedule",
            row("opp_006Hs00000000001AA_1", {"name": "S", "custrecord_bs_customer": REF, "custrecord_bs_project": REF,
                "custrecord_bs_opportunity": "006", "custrecord_bs_amount": 100, "custrecord_bs_currency": "USD"}),
            row("opp_006Hs00000000001AA_1", {"name": "S", "custrecord_bs_customer": REF, "custrecord_bs_project": REF,
                "custrecord_bs_opportunity": "006", "custrecord_bs_amount": -1, "custrecord_bs_currency": "USD"}),
        ),
        (
            "sync_tryton__project",
            row("opp:1:1", {"name": "P", "party": REF, "company": 1, "invoice_method": "effort", "opportunity_ref": "1"}),
            row("opp:1:1", {"name": "P", "party": "x", "company": 1, "invoice_method": "effort", "opportunity_ref": "1"}),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_every_sync_has_rules_of_its_own(relation, good, bad) -> None:
    passed = run_outbox(relation, [good])
    assert passed.passed, passed.failures
    assert len(rules(run_outbox(relation, [bad]))) == 1


@pytest.mark.parametrize("relation", ["sync_netsuite__invoice", "sync_elsewhere__customer", "nonsense"])
def test_what_has_no_suite_does_not_leave(relation) -> None:
    verdict = run_outbox(relation, [time()])
    assert not verdict.passed
    assert "no outbox suite" in verdict.failures[0]


@pytest.mark.parametrize("damage", [{"amount": "a lot"}, {"posting_date": "soon"}, {"eligible": "perhaps"}])
def test_rows_that_do_not_fit_the_contract_do_not_leave(damage) -> None:
    verdict = run_outbox("sync_netsuite__time_entry", [time(**damage)])
    assert not verdict.passed
    assert "do not fit" in verdict.failures[0]


def test_the_verdict_names_exactly_this_batch() -> None:
    one, other = (run_outbox("sync_netsuite__time_entry", [time(n)]).evidence["batch"] for n in (1, 2))
    assert one != other
    assert one == run_outbox("sync_netsuite__time_entry", [time(1)]).evidence["batch"]


def test_every_registered_sync_has_a_suite() -> None:
    import importlib

    from reverse_etl.syncs import SANDBOX, TRYTON

    for spec in (*SANDBOX, *TRYTON):
        found = importlib.import_module(f"quality.suites.outbox.{spec.target}").rules(spec.object)
        assert len({rule.name for rule in found}) == len(found)
