"""The Kantata OX fake over HTTP: envelope, paging, filters, writes, traps, and the firm's life on it.

Where the vendor's own client specification is at hand (`../shared/vendors/specs/kantata`), what the fake lets one write,
requires and associates is compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from common.clock import ManualClock
from sandbox.fakes.kantata import TOKEN, created_keys
from sandbox.fakes.kantata_life import ACTIVATION_DELAY
from sandbox.fakes.kantata_objects import OBJECTS
from sandbox.firm import build
from sandbox.project.kantata import CUSTOM_FIELDS, STATUSES, custom_field_id, native_id
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.server import Fake
from sandbox.truth import Project, Truth

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "vendors" / "specs" / "kantata" / "specification.yml"
KEY_FIELD = custom_field_id("Workspace", "throughline_key")


class Ox:
    """The running fake, and plain HTTP to it."""

    def __init__(self, path: Path, truth: Truth) -> None:
        self.truth = truth
        self.clock = ManualClock(NOW)
        self.fake = Fake("kantata", path, self.clock)
        self.fake.fill(truth)
        self.fake.start()
        self.store = self.fake.store
        self._http = urllib3.PoolManager(retries=False)

    def call(self, method: str, path: str, body: Any = None, token: str = TOKEN, **params: Any) -> tuple[int, Any]:
        answer = self._http.request(
            method,
            f"{self.fake.url}/api/v1/{path}",
            fields=params or None if body is None else None,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status, json.loads(answer.data) if answer.data else None

    def get(self, path: str, **params: Any) -> Any:
        status, answer = self.call("GET", path, **params)
        assert status == 200, answer
        return answer

    def create(self, key: str = "opp:006A:1", **fields: Any) -> dict[str, Any]:
        body = {"title": "A project", "creator_role": "maven", "currency": "EUR", **fields}
        body["custom_fields"] = [{"custom_field_id": int(KEY_FIELD), "value": key}]
        status, answer = self.call("POST", "workspaces.json", {"workspace": body})
        assert status == 200, answer
        return dict(answer["workspaces"][answer["results"][0]["id"]])

    def live(self, delta: timedelta) -> int:
        since = self.clock.now()
        until = self.clock.advance(delta)
        return self.fake.live(self.truth, since, until)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build(NOW, 7, 0.1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, truth: Truth) -> Iterator[Ox]:
    """For tests that only read."""
    ox = Ox(tmp_path_factory.mktemp("kantata") / "k.db", truth)
    yield ox
    ox.fake.stop()


@pytest.fixture
def ox(tmp_path: Path, truth: Truth) -> Iterator[Ox]:
    """For tests that write: a small truth, so that it is filled quickly."""
    small = replace(truth, time_entries=tuple(e for e in truth.time_entries if e.created_at > NOW - timedelta(days=3)))
    ox = Ox(tmp_path / "k.db", small)
    yield ox
    ox.fake.stop()


# -- reading -------------------------------------------------------------------------------------------------------


def test_without_the_token_nothing_is_told(shared: Ox) -> None:
    status, answer = shared.call("GET", "workspaces.json", token="wrong")
    assert status == 401
    assert answer == {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}


def test_envelope_and_pages(shared: Ox) -> None:
    first = shared.get("time_entries.json", per_page=50, order="created_at:asc")
    total = first["count"]
    assert total == first["meta"]["count"] == shared.store.count("time_entries")
    assert first["meta"]["page_count"] == -(-total // 50)
    assert [r["key"] for r in first["results"]] == ["time_entries"] * 50
    assert set(first["time_entries"]) == {r["id"] for r in first["results"]}
    second = shared.get("time_entries.json", per_page=50, page=2, order="created_at:asc")
    assert not {r["id"] for r in first["results"]} & {r["id"] for r in second["results"]}
    by_offset = shared.get("time_entries.json", limit=50, offset=50, order="created_at:asc")
    assert by_offset["results"] == second["results"]
    assert len(shared.get("time_entries.json")["results"]) == 20


@pytest.mark.parametrize("params", [{"per_page": 201}, {"per_page": 0}, {"page": "x"}, {"order": "notes:asc"}])
def test_paging_that_ox_refuses(shared: Ox, params: dict[str, Any]) -> None:
    status, answer = shared.call("GET", "time_entries.json", **params)
    assert status == 400
    assert answer["errors"][0]["type"] == "system"


def test_every_page_of_every_order_is_each_row_once(shared: Ox) -> None:
    for order in ("created_at:asc", "updated_at:desc", "date_performed:desc"):
        ids = []
        for page in range(1, 6):
            answer = shared.get("time_entries.json", page=page, per_page=200, order=order)
            ids += [r["id"] for r in answer["results"]]
        assert len(ids) == len(set(ids)) == 1000


def test_association_ids_only_where_included(shared: Ox) -> None:
    plain = next(iter(shared.get("time_entries.json")["time_entries"].values()))
    assert not {"workspace_id", "user_id", "role_id", "recent_submission_id"} & set(plain)
    answer = shared.get("time_entries.json", include="workspace,user")
    record = next(iter(answer["time_entries"].values()))
    assert record["workspace_id"] in answer["workspaces"]
    assert record["user_id"] in answer["users"]
    assert "recent_submission_id" not in record
    assert "primary_workspace_group_id" not in next(iter(answer["workspaces"].values()))
    status, _ = shared.call("GET", "time_entries.json", include="weather")
    assert status == 400


def test_only_never_answers_404_and_show_does(shared: Ox) -> None:
    assert shared.get("workspaces.json", only="41000001,99")["count"] == 1
    assert shared.get("workspaces.json", only="99")["results"] == []
    assert shared.call("GET", "workspaces/99.json")[0] == 404
    assert shared.get("workspaces/41000001.json")["results"] == [{"key": "workspaces", "id": "41000001"}]


def test_filters_of_time_entries(shared: Ox) -> None:
    def ids(**params: Any) -> set[str]:
        answer = shared.get("time_entries.json", per_page=200, **params)
        assert answer["count"] <= 200
        return {r["id"] for r in answer["results"]}

    entries = {r.id: r.record for r in shared.store.select("time_entries")}
    day = "2026-09-14"
    expected = {i for i, e in entries.items() if day <= e["date_performed"] <= "2026-09-15"}
    assert expected
    assert ids(date_performed_between=f"{day}:2026-09-15") == expected
    since = "2026-10-14T00:00:00+02:00"
    moment = datetime.fromisoformat(since)
    changed = {i for i, e in entries.items() if datetime.fromisoformat(e["updated_at"]) > moment}
    assert ids(updated_after=since) == changed
    made = {i for i, e in entries.items() if datetime.fromisoformat(e["created_at"]) > moment}
    assert ids(created_after=since) == made
    assert 0 < len(made) < len(changed)
    one = next(iter(entries.values()))["workspace_id"]
    all_of_it = {i for i, e in entries.items() if e["workspace_id"] == one}
    assert shared.get("time_entries.json", workspace_id=one)["count"] == len(all_of_it)


def test_approved_is_true_whatever_it_says(shared: Ox) -> None:
    yes = shared.get("time_entries.json", approved="true")["count"]
    assert yes == shared.get("time_entries.json", approved="false")["count"] < shared.get("time_entries.json")["count"]


def test_a_filter_that_is_not_documented_is_refused(shared: Ox) -> None:
    for params in ({"updated_since": "2026-01-01"}, {"updated_after": "yesterday"}, {"only": "1;2"}):
        assert shared.call("GET", "workspaces.json", **params)[0] == 400


def test_status_changes_need_a_workspace(shared: Ox) -> None:
    assert shared.call("GET", "workspace_status_changes.json")[0] == 400
    entry = next(p for p in shared.truth.projects if len(p.statuses) > 1 and p.created_at)
    answer = shared.get(
        "workspace_status_changes.json",
        workspace_id=native_id("project", entry.id),
        order="created_at:asc",
        include="user",
    )
    told = [
        (c["to_status_message"], datetime.fromisoformat(c["created_at"]))
        for c in (answer["workspace_status_changes"][r["id"]] for r in answer["results"])
    ]
    assert told == [(STATUSES[e.status]["message"], e.at) for e in entry.statuses if e.at <= NOW]


def test_find_a_client_by_the_crm_s_id(shared: Ox) -> None:
    customer = next(c for c in shared.truth.customers if c.known_to_psa_at and c.known_to_psa_at <= NOW)
    account = salesforce_id("account", customer.id)
    named = {"external_reference_service_name": "salesforce", "external_reference_service_model_ref": account}
    assert [r["id"] for r in shared.get("workspace_groups.json", **named)["results"]] == [
        native_id("customer", customer.id)
    ]
    answer = shared.get(
        "external_references.json",
        subject_type="WorkspaceGroup",
        service_name="salesforce",
        service_model_ref=account,
    )
    assert [v["subject_id"] for v in answer["external_references"].values()] == [
        int(native_id("customer", customer.id))
    ]
    assert shared.call("GET", "external_references.json")[0] == 400


# -- writing -------------------------------------------------------------------------------------------------------


def test_the_same_create_twice_makes_two(ox: Ox) -> None:
    first, second = ox.create(), ox.create()
    assert first["id"] != second["id"]
    assert created_keys(ox.store) == ["opp:006A:1", "opp:006A:1"]


def test_a_created_workspace_is_found_by_a_part_of_its_key(ox: Ox) -> None:
    one, ten = ox.create("opp:006A:1"), ox.create("opp:006A:10")
    found = ox.get("workspaces.json", by_custom_text_value=f"({KEY_FIELD}:opp:006A:1)", include="custom_field_values")
    assert {r["id"] for r in found["results"]} == {one["id"], ten["id"]}
    assert {v["value"] for v in found["custom_field_values"].values()} == {"opp:006A:1", "opp:006A:10"}
    both = f"({KEY_FIELD}:opp:006A:10):({KEY_FIELD}:opp:nobody:1)"
    assert [r["id"] for r in ox.get("workspaces.json", by_custom_text_value=both)["results"]] == [ten["id"]]


def test_a_workspace_starts_in_set_up_unless_the_body_says_otherwise(ox: Ox) -> None:
    assert ox.create()["status"] == STATUSES["created"]
    active = ox.create("opp:006B:1", status_key=STATUSES["active"]["key"])
    assert active["status"]["message"] == "Active"
    (change,) = ox.get("workspace_status_changes.json", workspace_id=active["id"])["workspace_status_changes"].values()
    assert change["from_status_key"] is None
    assert datetime.fromisoformat(change["created_at"]) == NOW


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"creator_role": "king"}, "creator_role"),
        ({"start_date": "15/10/2026"}, "start_date"),
        ({"start_date": "2026-10-15", "due_date": "2026-10-01"}, "due_date"),
        ({"currency": "euro"}, "currency"),
        ({"currency": 978}, "currency"),
        ({"workspace_group_ids": [99]}, "workspace_group_ids"),
        ({"rate_card_id": 99}, "rate_card_id"),
        ({"status_key": 1}, "status_key"),
        ({"budgeted": "yes"}, "budgeted"),
        ({"opportunity_ref": "salesforce:1"}, "opportunity_ref"),
        ({"price": "a lot"}, "price"),
    ],
)
def test_what_a_workspace_may_not_be(ox: Ox, fields: dict[str, Any], field: str) -> None:
    body = {"title": "A project", "creator_role": "maven", **fields}
    status, answer = ox.call("POST", "workspaces.json", {"workspace": body})
    assert status == 422
    assert (answer["errors"][0]["type"], answer["errors"][0]["field"]) == ("validation", field)
    assert answer["errors"][0]["message"]
    assert ox.store.commits("workspaces") == []


@pytest.mark.parametrize(
    ("name", "singular", "given"),
    [
        ("workspaces", "workspace", {"title": "x", "creator_role": "maven"}),
        (
            "time_entries",
            "time_entry",
            {"workspace_id": 41000001, "date_performed": "2026-10-14", "time_in_minutes": 60},
        ),
        ("workspace_groups", "workspace_group", {"name": "x"}),
        (
            "custom_field_values",
            "custom_field_value",
            {
                "subject_type": "Workspace",
                "subject_id": 41000001,
                "custom_field_id": int(KEY_FIELD),
                "value": "x",
            },
        ),
    ],
)
def test_each_required_field_is_required(ox: Ox, name: str, singular: str, given: dict[str, Any]) -> None:
    for missing in given:
        rest = {k: v for k, v in given.items() if k != missing}
        status, answer = ox.call("POST", f"{name}.json", {singular: rest})
        assert status == 422, missing
        assert missing in [e["field"] for e in answer["errors"]]
    status, answer = ox.call("POST", f"{name}.json", {singular: given})
    assert status == 200, answer


def test_a_bulk_create_is_all_or_nothing(ox: Ox) -> None:
    good = {"title": "Good", "creator_role": "maven"}
    status, _ = ox.call("POST", "workspaces.json", {"workspaces": [good, {"title": ""}]})
    assert status == 422
    assert ox.store.commits("workspaces") == []
    status, answer = ox.call("POST", "workspaces.json", {"workspaces": [good, {**good, "title": "Better"}]})
    assert status == 200
    assert [answer["workspaces"][r["id"]]["title"] for r in answer["results"]] == ["Good", "Better"]
    assert ox.call("POST", "workspaces.json", {"workspaces": [good] * 101})[0] == 400
    assert ox.call("POST", "workspaces.json", {"workspace": [good]})[0] == 400


def test_update_and_a_new_value_for_a_custom_field(ox: Ox) -> None:
    made = ox.create()
    ox.clock.advance(timedelta(minutes=5))
    status, answer = ox.call(
        "PUT", f"workspaces/{made['id']}.json", {"workspace": {"title": "Another", "price": "12.50"}}
    )
    assert status == 200
    assert answer["workspaces"][made["id"]]["price_in_cents"] == 1250
    assert datetime.fromisoformat(answer["workspaces"][made["id"]]["updated_at"]) == ox.clock.now()
    value = {
        "subject_type": "Workspace",
        "subject_id": int(made["id"]),
        "custom_field_id": int(KEY_FIELD),
        "value": "opp:006A:2",
    }
    assert ox.call("POST", "custom_field_values.json", {"custom_field_value": value})[0] == 200
    show = ox.get(f"workspaces/{made['id']}.json", include="custom_field_values")
    assert [v["value"] for v in show["custom_field_values"].values()] == ["opp:006A:2"]
    assert ox.call("PUT", f"workspaces/{made['id']}.json", {"workspace": {"custom_fields": []}})[0] == 422
    assert ox.call("PUT", "workspaces/99.json", {"workspace": {"title": "x"}})[0] == 404


def test_deletes_are_hard(ox: Ox) -> None:
    made = ox.create()
    assert ox.call("DELETE", f"workspaces/{made['id']}.json")[0] == 204
    assert ox.call("GET", f"workspaces/{made['id']}.json")[0] == 404
    assert ox.get("workspaces.json", only=made["id"])["count"] == 0
    assert ox.call("DELETE", f"workspaces/{made['id']}.json")[0] == 404


def test_archived_workspaces_hide(ox: Ox) -> None:
    made = ox.create()
    ox.call("PUT", f"workspaces/{made['id']}.json", {"workspace": {"archived": True}})
    assert ox.get("workspaces.json", only=made["id"])["count"] == 0
    assert ox.call("GET", f"workspaces/{made['id']}.json")[0] == 404
    assert ox.get("workspaces.json", only=made["id"], include_archived="true")["count"] == 1


def test_an_external_reference_is_upserted(ox: Ox) -> None:
    made = ox.create()
    body = {
        "subject_type": "Workspace",
        "subject_id": int(made["id"]),
        "service_name": "throughline",
        "service_model": "Opportunity",
        "service_model_ref": "one",
    }
    for reference in ("one", "one", "two"):
        status, _ = ox.call(
            "POST",
            "external_references/create_or_update",
            {"external_reference": {**body, "service_model_ref": reference}},
        )
        assert status == 200
    show = ox.get(f"workspaces/{made['id']}.json", include="external_references")
    assert [r["service_model_ref"] for r in show["external_references"].values()] == ["two"]
    assert (
        ox.call("POST", "external_references/create_or_update", {"external_reference": {"subject_type": "X"}})[0] == 422
    )


def test_time_on_a_workspace(ox: Ox) -> None:
    body = {"workspace_id": 41000001, "date_performed": "2026-10-14", "time_in_minutes": 90, "notes": "Late"}
    status, answer = ox.call("POST", "time_entries.json", {"time_entry": body})
    assert status == 200
    (made,) = answer["time_entries"].values()
    assert (made["time_in_minutes"], made["approved"]) == (90, False)
    for wrong in (
        {"workspace_id": 99},
        {"time_in_minutes": "1h"},
        {"date_performed": "yesterday"},
        {"mood": "good"},
    ):
        assert ox.call("POST", "time_entries.json", {"time_entry": {**body, **wrong}})[0] == 422
    assert ox.call("PUT", f"time_entries/{made['id']}.json", {"time_entry": {"time_in_minutes": 30}})[0] == 200
    assert ox.call("DELETE", f"time_entries/{made['id']}.json")[0] == 204


def test_state_survives_a_restart(ox: Ox, tmp_path: Path) -> None:
    ox.create()
    ox.fake.stop()
    again = Fake("kantata", tmp_path / "k.db", ox.clock)
    assert again.fill(ox.truth) is False
    assert created_keys(again.store) == ["opp:006A:1"]
    ox.fake = again.start()


# -- life ------------------------------------------------------------------------------------------------------------


def fresh(truth: Truth) -> Project:
    """A project that only our push creates and on which people will work."""
    busy = {e.project_id for e in truth.time_entries}
    return next(p for p in truth.projects if p.created_at is None and p.id in busy)


def key_of(entry: Project) -> str:
    return f"opp:{salesforce_id('opportunity', entry.opportunity_id or '')}:1"


def test_a_pushed_project_is_activated_and_booked_on(ox: Ox) -> None:
    entry = fresh(ox.truth)
    made = ox.create(key_of(entry))
    ox.live(ACTIVATION_DELAY - timedelta(minutes=1))
    assert ox.get(f"workspaces/{made['id']}.json")["workspaces"][made["id"]]["status"]["message"] == "In Setup"
    ox.live(timedelta(minutes=2))
    show = ox.get(f"workspaces/{made['id']}.json", include="custom_field_values")
    assert show["workspaces"][made["id"]]["status"]["message"] == "Active"
    assert show["workspaces"][made["id"]]["rate_card_id"] == native_id("rate_card", entry.rate_card_id)
    assert {v["custom_field_name"]: v["value"] for v in show["custom_field_values"].values()} == {
        "throughline_key": key_of(entry),
        "project_number": entry.id,
        "planned_hours": str(entry.planned_hours),
    }
    changes = ox.get("workspace_status_changes.json", workspace_id=made["id"], order="created_at:asc", include="user")
    first, second = changes["workspace_status_changes"].values()
    assert datetime.fromisoformat(second["created_at"]) == NOW + ACTIVATION_DELAY
    assert second["user_id"] == native_id("resource", entry.manager_id)
    assert (first["to_status_message"], second["to_status_message"]) == ("In Setup", "Active")
    # A reader that asks for what changed since the push sees it.
    later = (NOW + ACTIVATION_DELAY - timedelta(seconds=1)).isoformat()
    assert made["id"] in ox.get("workspaces.json", updated_after=later)["workspaces"]
    assert ox.get("workspace_status_changes.json", workspace_id=made["id"], updated_after=later)["count"] == 1
    ox.live(timedelta(days=50))
    booked = {e.id for e in ox.truth.time_entries if e.project_id == entry.id and e.created_at <= ox.clock.now()}
    assert booked
    answer = ox.get("time_entries.json", workspace_id=made["id"], per_page=200)
    assert {r["id"] for r in answer["results"]} == {native_id("time_entry", e) for e in booked}
    assert len(ox.store.find("workspace_status_changes", "workspace_id", made["id"])) == 2


def test_nobody_books_on_a_project_that_was_not_pushed(ox: Ox) -> None:
    entry = fresh(ox.truth)
    ox.live(timedelta(days=50))
    mine = {native_id("time_entry", e.id) for e in ox.truth.time_entries if e.project_id == entry.id}
    assert all(ox.store.get("time_entries", i) is None for i in mine)
    assert ox.store.find("time_entries", "workspace_id", native_id("project", entry.id)) == []


def test_ticks_in_small_steps_end_where_one_large_one_does(truth: Truth, tmp_path: Path) -> None:
    small = replace(truth, time_entries=tuple(e for e in truth.time_entries if e.created_at > NOW - timedelta(days=5)))
    states = []
    for number, steps in enumerate((1, 4)):
        ox = Ox(tmp_path / f"{number}.db", small)
        ox.create(key_of(fresh(small)))
        for _ in range(steps):
            ox.live(timedelta(days=20) / steps)
        states.append({(o, r.id): r.record for o in ox.store.objects() for r in ox.store.select(o)})
        ox.fake.stop()
    assert states[0] == states[1]


def test_a_tick_keeps_what_an_api_client_wrote(ox: Ox) -> None:
    entry = next(
        p for p in ox.truth.projects if p.created_at and any(NOW < e.at <= NOW + timedelta(days=60) for e in p.statuses)
    )
    id_ = native_id("project", entry.id)
    ox.call("PUT", f"workspaces/{id_}.json", {"workspace": {"title": "Written by the API"}})
    ox.live(timedelta(days=59))
    stored = ox.store.get("workspaces", id_)
    assert stored is not None
    assert stored.record["title"] == "Written by the API"
    assert stored.record["status"] == STATUSES[entry.statuses[-1].status]
    assert [c.op for c in ox.store.commits("workspaces")] == ["update"]


# -- the vendor's specification -----------------------------------------------------------------------------------------


def plain(node: yaml.Node) -> Any:
    """YAML with lists as keys, which Python's mappings can't have, as plain values."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(plain(k), plain(v)) for k, v in node.value]
        return {tuple(k) if isinstance(k, list) else k: v for k, v in pairs}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    return node.value


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        pytest.skip(f"the vendor's specification is not at hand ({SPEC.parent.name} under ../shared/vendors/specs)")
    found: dict[str, Any] = plain(yaml.compose(SPEC.read_text()))
    return found


# In the API reference of today, not yet in the client library: associations and attributes.
NEWER_ASSOCIATIONS = {"users": {"manager"}}
NOT_IN_THE_SPEC = {"workspace_status_changes", "custom_field_sets"}
NEWER_ATTRIBUTES = {
    "users": {"manager_id"},
    "workspace_groups": {"created_at", "updated_at"},
    "rate_cards": {"created_at", "updated_at", "removable", "rate_card_set_title"},
    "rate_card_sets": {"created_at", "updated_at"},
    "rate_card_set_versions": {"created_at", "updated_at"},
    "rate_card_versions": {"created_at", "updated_at"},
    "rate_card_roles": {"created_at", "updated_at"},
    "roles": {"created_at", "updated_at", "deleted_at"},
}


def test_associations_are_the_specification_s(spec: dict[str, Any]) -> None:
    for name, kind in OBJECTS.items():
        if name in NOT_IN_THE_SPEC:
            continue
        known = {a: (v["foreign_key"], v["collection"]) for a, v in (spec[name].get("associations") or {}).items()}
        for association, target in kind.associations.items():
            if association not in NEWER_ASSOCIATIONS.get(name, set()):
                assert known.get(association) == target, (name, association)


def test_writable_fields_are_the_specification_s(spec: dict[str, Any]) -> None:
    assert set(OBJECTS["external_references"].create) == set(spec["external_references"]["create_or_update_attributes"])
    for name in ("workspaces", "time_entries", "workspace_groups", "custom_field_values"):
        assert set(OBJECTS[name].create) == set(spec[name]["create_attributes"]), name
        assert set(OBJECTS[name].update) == set(spec[name]["update_attributes"]), name


def test_required_fields_are_the_specification_s(spec: dict[str, Any]) -> None:
    for name in ("workspaces", "time_entries", "workspace_groups", "external_references"):
        required = set()
        for fields, rules in spec[name]["validations"].items():
            if "presence" in rules or rules.get("inclusion", {}).get("allow_blank") == "false":
                required |= set(fields) if isinstance(fields, tuple) else {fields}
        assert set(OBJECTS[name].required) == required, name


def test_records_have_only_attributes_of_the_specification(spec: dict[str, Any], shared: Ox) -> None:
    for name, kind in OBJECTS.items():
        if name in NOT_IN_THE_SPEC:
            continue
        known = set(spec[name]["attributes"]) | {"id"} | NEWER_ATTRIBUTES.get(name, set())
        known |= {v["foreign_key"] for v in (spec[name].get("associations") or {}).values()}
        for stored in shared.store.select(name, limit=50):
            assert set(stored.record) <= known, (name, set(stored.record) - known)
        assert kind.singular


def test_custom_fields_have_types_of_the_specification() -> None:
    kinds = {"string", "date", "number", "currency", "single", "multi"}
    assert all(kind in kinds for fields in CUSTOM_FIELDS.values() for kind in fields.values())
