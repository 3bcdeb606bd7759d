"""Who is who: customers, workers and hours that several systems know, and whose word counts for which attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

A = "2026-01-01 08:00:00"


def customers() -> dict[str, list[dict[str, Any]]]:
    crm = [
        {"source_id": "A1", "name": "Alder", "legal_name": "Alder GmbH", "tax_registration_id": "DE1", "country": "DE",
         "domain": "alder.example", "industry": "Energy", "created_at": A},
        {"source_id": "A2", "name": "Birch", "legal_name": "Birch Inc.", "country": "US", "domain": "birch.example",
         "created_at": A},
        # Merged by people in the CRM: the record that lost points to the one that stayed.
        {"source_id": "A3", "name": "Birch old", "merged_into_source_id": "A2", "created_at": "2020-01-01", "country": "US"},
        {"source_id": "A4", "name": "Cedar", "legal_name": "Cedar AG", "country": "CH", "created_at": A},
        {"source_id": "A5", "name": "Dogwood", "legal_name": "Dogwood Ltd", "country": "GB", "tax_registration_id": "GB5",
         "created_at": A},
    ]  # fmt: skip
    erp = [
        # Stores the CRM's id: that is enough, whatever else it says.
        {"source_id": "E1", "name": "ALDER OLD NAME", "legal_name": "Alder Holding GmbH", "external_ref": "salesforce:A1",
         "country": "AT", "tax_registration_id": "ATU1", "industry": "Mining", "credit_hold": True, "created_at": A},
        # Stores the id of the record that lost the merge.
        {"source_id": "E2", "name": "Birch", "external_ref": "salesforce:A3", "country": "US", "created_at": A},
        # Same name, nothing else: never joined by itself.
        {"source_id": "E4", "name": "Cedar AG", "country": "DE", "created_at": A},
        # Same tax id and country.
        {"source_id": "E5", "name": "Dogwood (UK)", "country": "GB", "tax_registration_id": "GB5", "created_at": A},
        # Same tax id in another country is another party.
        {"source_id": "E6", "name": "Dogwood FR", "country": "FR", "tax_registration_id": "GB5", "created_at": A},
    ]  # fmt: skip
    psa = [
        {"source_id": "K1", "name": "Alder", "external_ref": "salesforce:A1", "created_at": A},
        # Domain and name agree; legal forms and punctuation don't count.
        {"source_id": "K2", "name": "BIRCH, INC", "domain": "Birch.example", "created_at": A},
    ]  # fmt: skip
    return {"map_customer__salesforce": crm, "map_customer__netsuite": erp, "map_customer__kantata": psa}


def people() -> dict[str, list[dict[str, Any]]]:
    return {
        "map_resource__bamboohr": [
            {"source_id": "H1", "employee_number": "R1", "email": "ann@x.example", "full_name": "Ann", "role": "other",
             "practice": "Strategy", "legal_entity_code": "DE01", "hire_date": "2020-01-01", "is_active": True},
            {"source_id": "H2", "employee_number": "R2", "email": "bob@x.example", "hire_date": "2020-01-01", "is_active": True},
        ],
        "map_resource__kantata": [
            {"source_id": "U1", "employee_number": "R1", "email": "ann.new@x.example", "role": "senior", "practice": "Other"},
            {"source_id": "U2", "email": "bob@x.example", "role": "partner"},
        ],
    }  # fmt: skip


def hours() -> dict[str, list[dict[str, Any]]]:
    entry = {
        "known_from": A, "project_source_id": "P1", "resource_ref": "ann@x.example", "work_date": "2026-01-05",
        "hours": 8, "billable": True, "bill_rate": 100, "currency": "EUR", "status": "approved", "approved_at": A,
    }  # fmt: skip
    return {
        "map_legal_entity__netsuite": [
            {"source_id": "1", "code": "DE01", "name": "DE", "functional_currency": "EUR", "country": "DE",
             "time_zone": "Europe/Berlin"},
        ],
        "map_project__kantata": [
            {"source_id": "P1", "name": "P1", "customer_source_id": "K1", "legal_entity_code": "DE01", "currency": "EUR",
             "billing_method": "time_and_materials", "status": "active", "created_at": A},
        ],
        "map_time_entry__kantata": [{"source_id": "T1", **entry}, {"source_id": "T2", **entry}],
        "map_time_entry__netsuite": [
            # Pushed by us and read back.
            {"source_id": "N1", "external_ref": "kantata:T1", **entry},
            # Pushed from an entry that we don't have (it is in quarantine): still no entry of its own.
            {"source_id": "N2", "external_ref": "kantata:T9", **entry},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def built(build: Callable[..., Any]) -> Any:
    points = [("DE01", "2026-01", "added", "2026-01-31", "2026-02-01 00:00:00")]
    return build(customers() | people() | hours(), points=points)


def key_of(built: Any, system: str, id_: str) -> str:
    return built.one(
        "select x.customer_key from canonical.xref_customer as x where x.source_system = ? and x.source_id = ?",
        system,
        id_,
    )


def rule_of(built: Any, system: str, id_: str) -> tuple[Any, ...]:
    return built.rows(
        "select match_rule, decided_by from canonical.xref_customer where source_system = ? and source_id = ?",
        system,
        id_,
    )[0]


@pytest.mark.parametrize(
    ("system", "id_", "account", "rule"),
    [
        ("netsuite", "E1", "A1", ("stored_reference", "rule")),
        ("kantata", "K1", "A1", ("stored_reference", "rule")),
        ("salesforce", "A3", "A2", ("merged_at_source", "salesforce")),
        ("netsuite", "E2", "A2", ("stored_reference", "rule")),
        ("kantata", "K2", "A2", ("domain_and_legal_name", "rule")),
        ("netsuite", "E5", "A5", ("tax_id_and_country", "rule")),
    ],
)
def test_records_join_by_the_first_rule_that_holds(built, system, id_, account, rule):
    assert key_of(built, system, id_) == key_of(built, "salesforce", account)
    assert rule_of(built, system, id_) == rule


def test_a_name_alone_is_a_question_for_a_person(built):
    assert key_of(built, "netsuite", "E4") != key_of(built, "salesforce", "A4")
    candidate = built.one("select review_candidate_key from canonical.xref_customer where source_id = 'E4'")
    assert candidate == key_of(built, "salesforce", "A4")


def test_a_tax_id_counts_in_its_own_country(built):
    assert key_of(built, "netsuite", "E6") != key_of(built, "salesforce", "A5")


def test_the_owner_of_each_attribute_is_believed(built):
    golden = built.rows(
        "select name, legal_name, tax_registration_id, country, industry, credit_hold, n_records, source_systems"
        " from canonical.dim_customer where customer_key = ?",
        key_of(built, "salesforce", "A1"),
    )
    # CRM: name, country, industry. ERP: legal name, tax id, credit hold.
    assert golden == [("Alder", "Alder Holding GmbH", "ATU1", "DE", "Energy", True, 3, "kantata,netsuite,salesforce")]


def test_the_record_that_survived_a_merge_speaks(built):
    name = built.one(
        "select name from canonical.dim_customer where customer_key = ?", key_of(built, "salesforce", "A2")
    )
    assert name == "Birch"


def test_a_worker_is_one_by_number_then_by_mail(built):
    people = built.rows(
        "select employee_number, email, role, practice, source_systems from canonical.dim_resource order by 1"
    )
    assert people == [
        ("R1", "ann@x.example", "senior", "Strategy", "bamboohr,kantata"),
        ("R2", "bob@x.example", "partner", None, "bamboohr,kantata"),
    ]


def test_hours_that_were_pushed_and_read_back_are_counted_once(built):
    assert built.one("select count(distinct time_entry_key) from canonical.fct_time_entry") == 2
    wip = built.one(
        "select sum(value) from kpi.kpi_value where measure = 'unbilled_wip' and dimension = 'none' and period = '2026-01'"
    )
    assert float(wip) == 1600
    rows = built.rows(
        "select source_id, match_rule, is_origin from canonical.xref_time_entry where source_system = 'netsuite' order by 1"
    )
    assert rows == [("N1", "stored_reference", False), ("N2", "stored_reference_unknown", False)]
