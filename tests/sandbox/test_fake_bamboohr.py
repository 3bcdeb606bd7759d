"""The fake company judged by the vendor's own description, and by what is known of its live answers.

The description is not part of this project; where it is not beside it, its tests are skipped and the others run.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator

from common.clock import ManualClock
from sandbox.fakes.bamboohr import API_KEY, COMPANY, FIELDS, MAX_FIELDS
from sandbox.firm import build
from sandbox.project.bamboohr import NO_DATE, left_at, native_id, project
from sandbox.server import Fake
from sandbox.truth import Truth

NOW = datetime(2026, 10, 15, 6, tzinfo=UTC)
SPEC = Path(__file__).parents[3] / "shared/vendors/specs/bamboohr/public.yaml"
EPOCH = {"since": "2000-01-01T00:00:00+00:00"}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build(NOW, 7, 0.05)


@pytest.fixture(scope="module")
def company(truth, tmp_path_factory) -> Iterator[Fake]:
    fake = Fake("bamboohr", tmp_path_factory.mktemp("hr") / "hr.db", ManualClock(NOW))
    fake.fill(truth)
    fake.start()
    yield fake
    fake.stop()


def get(fake: Fake, path: str, params: dict[str, Any] | None = None, key: str = API_KEY) -> requests.Response:
    return requests.get(f"{fake.url}/api/v1{path}", params=params, auth=(key, "x"), timeout=10)


@pytest.fixture(scope="module")
def someone(company) -> str:
    return get(company, "/employees").json()["data"][0]["employeeId"]


# -- the vendor's description -------------------------------------------------------------------------------------------


@cache
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        pytest.skip(f"the vendor's description is not beside the project ({SPEC})")
    found: dict[str, Any] = yaml.load(SPEC.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


def described(template: str) -> tuple[set[str], dict[str, Any]]:
    """The documented query parameters of a path, and the schema of its good answer."""
    operation = spec()["paths"][f"/api/v1{template}"]["get"]
    names = set()
    for parameter in operation.get("parameters", []):
        if "$ref" not in parameter and parameter["in"] == "query":
            names.add(parameter["name"])
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return names, {**schema, "components": spec()["components"]}


CASES = [
    ("/employees", "/employees", {"fields": "workEmail,hireDate,divisionName", "page[limit]": "3"}),
    ("/employees/directory", "/employees/directory", {"onlyCurrent": "false"}),
    ("/employees/changed", "/employees/changed", {**EPOCH, "type": "inserted"}),
    ("/employees/changed/tables/{table}", "/employees/changed/tables/employmentStatus", EPOCH),
    ("/employees/{id}", "/employees/{someone}", {"fields": ",".join(FIELDS), "onlyCurrent": "false"}),
    ("/employees/{id}/tables/{table}", "/employees/all/tables/employmentStatus", {}),
    ("/meta/fields", "/meta/fields", {}),
]


@pytest.mark.parametrize(("template", "path", "query"), CASES, ids=[case[0] for case in CASES])
def test_requests_and_answers_are_as_the_vendor_describes_them(company, someone, template, path, query) -> None:
    documented, schema = described(template)
    assert {name.partition("[")[0] for name in query} <= documented
    answer = get(company, path.replace("{someone}", someone), query)
    assert answer.status_code == 200
    body = answer.json()
    assert body
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(body)]
    assert errors == []


def test_the_description_has_every_field_that_it_types(company, someone) -> None:
    typed = spec()["components"]["schemas"]["GetEmployeeResponse"]["properties"]
    shown = get(company, f"/employees/{someone}", {"fields": ",".join(FIELDS)}).json()
    for name in set(shown) & set(typed):
        allowed = typed[name]["type"]
        allowed = [allowed] if isinstance(allowed, str) else allowed
        assert ("null" if shown[name] is None else "string") in allowed, name


# -- what its live answers do -----------------------------------------------------------------------------------------


def test_ids_and_numbers_are_text_and_missing_values_null(company, someone) -> None:
    shown = get(company, f"/employees/{someone}", {"fields": ",".join(FIELDS)}).json()
    assert all(value is None or isinstance(value, str) for value in shown.values())
    assert shown["preferredName"] is None
    assert shown["terminationDate"] == NO_DATE or shown["status"] == "Inactive"


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/employees/1", {}, 404),
        ("/employees/1/tables/employmentStatus", {}, 404),
        ("/employees/all/tables/payslips", {}, 404),
        ("/employees/changed/tables/payslips", EPOCH, 404),
        ("/employees/changed", {}, 400),
        ("/employees/changed", {"since": "yesterday"}, 400),
        ("/employees/changed", {"since": "2026-01-01T00:00:00"}, 400),
        ("/employees/changed", {**EPOCH, "type": "new"}, 400),
        ("/employees", {"page[limit]": "2501"}, 400),
        ("/employees", {"limt": "3"}, 400),
    ],
)
def test_a_refusal_says_why_in_a_header_and_has_no_body(company, path, query, status) -> None:
    answer = get(company, path, query)
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["X-BambooHR-Error-Message"]


def test_too_many_fields(company, someone) -> None:
    assert get(company, f"/employees/{someone}", {"fields": ",".join(["firstName"] * MAX_FIELDS)}).status_code == 200
    assert get(company, f"/employees/{someone}", {"fields": ",".join(["a"] * (MAX_FIELDS + 1))}).status_code == 400


@pytest.mark.parametrize("auth", [("wrong", "x"), None])
def test_a_wrong_key_is_refused_everywhere(company, auth) -> None:
    for _, path, query in CASES:
        answer = requests.get(f"{company.url}/api/v1{path}", params=query, auth=auth, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["X-BambooHR-Error-Message"] == "Invalid API key"


def test_a_field_that_there_is_not_is_left_out(company, someone) -> None:
    assert set(get(company, f"/employees/{someone}", {"fields": "firstName,shoeSize"}).json()) == {"id", "firstName"}
    assert set(get(company, f"/employees/{someone}").json()) == {"id", "firstName", "lastName"}


def test_pages_of_the_list_hold_everybody_once(company, truth) -> None:
    seen, query = [], {"page[limit]": "7"}
    while True:
        page = get(company, "/employees", query).json()
        seen += [person["employeeId"] for person in page["data"]]
        assert page["meta"]["total"] == len([r for r in truth.resources if r.created_at <= NOW])
        if page["meta"]["page"]["nextCursor"] is None:
            break
        query["page[after]"] = page["meta"]["page"]["nextCursor"]
    assert len(seen) == len(set(seen)) == page["meta"]["total"]


def test_the_directory_leaves_out_who_has_left(company, truth) -> None:
    here = {person["id"] for person in get(company, "/employees/directory").json()["employees"]}
    gone = {native_id("employee", r.id) for r in truth.resources if left_at(r, NOW)}
    future = {native_id("employee", r.id) for r in truth.resources if r.hire_date > NOW.date()}
    everybody = {native_id("employee", r.id) for r in truth.resources if r.created_at <= NOW}
    assert here == everybody - gone - future


def test_the_older_address_answers_too(company) -> None:
    url = f"{company.url}/api/gateway.php/{COMPANY}/v1/employees/directory"
    old = requests.get(url, auth=(API_KEY, ""), headers={"Accept": "application/json"}, timeout=10).json()
    assert old == get(company, "/employees/directory").json()


def test_a_client_that_nobody_here_wrote(company, someone) -> None:
    library = pytest.importorskip("PyBambooHR.PyBambooHR", reason="PyBambooHR is not installed")
    client = library.PyBambooHR(subdomain=COMPANY, api_key=API_KEY)
    client.base_url = f"{company.url}/api/gateway.php/{COMPANY}/v1/"
    assert {"id", "workEmail", "jobTitle"} <= set(client.get_employee_directory()[0])
    shown = client.get_employee(someone, ["firstName", "workEmail", "supervisorEId", "standardHoursPerWeek"])
    assert set(shown) == {"id", "firstName", "workEmail", "supervisorEId", "standardHoursPerWeek"}
    assert set(client.get_employee(someone)) == {"id", *(set(FIELDS) & set(client.employee_fields)), "preferredName"}
    assert {row["alias"] for row in client.get_meta_fields()} == set(FIELDS)
    since = NOW - timedelta(days=9_000)
    changes = client.get_employee_changes(since)["employees"]
    assert changes[someone]["action"] == "Inserted"
    tables = client.get_employee_changed_table("employmentStatus", since)["employees"]
    assert set(tables) == set(changes)
    assert tables[someone]["rows"][0]["employeeId"] == someone


# -- the firm's life --------------------------------------------------------------------------------------------------


def test_the_projection_is_the_truth_as_far_as_it_is_recorded(truth) -> None:
    for at in (truth.start, NOW - timedelta(days=200), NOW):
        rows = {row.id: row.record for row in project(truth, at) if row.object == "employees"}
        assert len(rows) == len([r for r in truth.resources if r.created_at <= at])
        for person in (r for r in truth.resources if r.created_at <= at):
            record = rows[native_id("employee", person.id)]
            assert record["employeeNumber"] == person.id
            assert record["division"] == person.legal_entity_id
            assert (record["status"] == "Inactive") == (left_at(person, at) is not None)
            assert record["lastChanged"] <= at.isoformat()


def test_the_known_defects_lack_an_e_mail_and_nobody_else_does(truth) -> None:
    bad = {native_id("employee", d.record_id) for d in truth.defects if d.rule == "employee_email_present"}
    assert bad
    assert {r.id for r in project(truth, NOW) if r.object == "employees" and not r.record["workEmail"]} == bad


def test_ids_are_never_shared(truth) -> None:
    rows = [(row.object, row.id) for row in project(truth, NOW + timedelta(days=60))]
    assert len(rows) == len(set(rows))


def test_living_on_is_the_same_as_having_lived(truth, tmp_path) -> None:
    early, late = NOW - timedelta(days=300), NOW
    clock = ManualClock(early)
    lived = Fake("bamboohr", tmp_path / "a.db", clock)
    lived.module.load(lived.store, truth, early)
    known = {native_id("employee", r.id) for r in truth.resources if r.created_at <= early}
    changed = lived.live(truth, early, late)
    clock.advance(late - early)
    whole = Fake("bamboohr", tmp_path / "b.db", clock)
    whole.module.load(whole.store, truth, late)
    try:
        for name in ("employees", "employmentStatus"):
            ours = {row.id: row.record for row in lived.store.select(name)}
            assert ours == {row.id: row.record for row in whole.store.select(name)}
        lived.start()
        feed = get(lived, "/employees/changed", {"since": early.isoformat()}).json()["employees"]
        assert changed >= len(feed) > 0
        assert {i for i, entry in feed.items() if entry["action"] == "Inserted"}.isdisjoint(known)
        assert {i for i, entry in feed.items() if entry["action"] == "Updated"} <= known
        assert lived.live(truth, late, late) == 0
    finally:
        lived.stop()
        whole.stop()


def test_the_feed_names_the_deleted_once_more(truth, tmp_path) -> None:
    fake = Fake("bamboohr", tmp_path / "hr.db", ManualClock(NOW))
    fake.fill(truth)
    fake.start()
    try:
        gone = native_id("employee", truth.resources[0].id)
        fake.store.delete("employees", gone, NOW)
        feed = get(fake, "/employees/changed", {"since": (NOW - timedelta(seconds=1)).isoformat()}).json()
        assert {i: entry["action"] for i, entry in feed["employees"].items()} == {gone: "Deleted"}
        assert feed["latest"] == NOW.isoformat()
        assert get(fake, f"/employees/{gone}").status_code == 404
    finally:
        fake.stop()
