"""The firm's truth in Kantata's shape: ids, what is known when, approval history, and the known defects."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.firm import build
from sandbox.project.kantata import CUSTOM_FIELDS, native_id, project, rows
from sandbox.project.kantata_timesheets import cycles
from sandbox.project.kantata_view import View
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.truth import StatusEvent, TimeEntry, Truth

NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build(NOW, 7, 0.1)


@pytest.fixture(scope="module")
def now(truth: Truth) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in project(truth, truth.today):
        assert row.id not in found[row.object], f"two {row.object} with the id {row.id}"
        found[row.object][row.id] = row.record
    return found


def custom(now: dict[str, dict[str, dict[str, Any]]], record: dict[str, Any]) -> dict[str, str]:
    values = (now["custom_field_values"][i] for i in record["custom_field_value_ids"])
    return {v["custom_field_name"]: v["value"] for v in values}


def test_ids_are_digits_and_the_same_each_time(truth: Truth, now: dict[str, Any]) -> None:
    assert all(i.isdigit() and r["id"] == i for records in now.values() for i, r in records.items())
    again = {(row.object, row.id): row.record for row in project(truth, truth.today)}
    assert again == {(o, i): r for o, records in now.items() for i, r in records.items()}
    assert native_id("project", "P0012") == "41000012"
    with pytest.raises(KeyError):
        native_id("invoice", "I00001")


def test_associations_point_to_records_that_exist(now: dict[str, Any]) -> None:
    for story in now["stories"].values():
        assert story["workspace_id"] in now["workspaces"]
    for submission in now["timesheet_submissions"].values():
        assert submission["user_id"] in now["users"]
        assert all(i in now["time_entries"] for i in submission["time_entry_ids"])
    for role in now["rate_card_roles"].values():
        assert role["role_id"] in now["roles"]
        assert role["rate_card_version_id"] in now["rate_card_versions"]


def test_projects_that_our_push_creates_are_not_there(truth: Truth, now: dict[str, Any]) -> None:
    missing = [p for p in truth.projects if p.created_at is None]
    assert missing
    for entry in missing:
        assert native_id("project", entry.id) not in now["workspaces"]
    there = {custom(now, w).get("opportunity_ref") for w in now["workspaces"].values()}
    assert not there & {f"salesforce:{salesforce_id('opportunity', p.opportunity_id or '')}" for p in missing}


def test_nothing_is_shown_before_it_was_recorded(truth: Truth) -> None:
    early = truth.today - timedelta(days=300)
    for row in project(truth, early):
        assert row.modified <= early
        for name in ("created_at", "updated_at", "current_resolution_created_at_date"):
            value = row.record.get(name)
            assert value is None or datetime.fromisoformat(value) <= early, (row.object, name)


def test_updated_at_is_the_row_s_own_change_time(truth: Truth) -> None:
    for row in project(truth, truth.today):
        if "updated_at" in row.record:
            assert datetime.fromisoformat(row.record["updated_at"]) == row.modified


def test_status_history_of_every_entry_is_that_of_the_truth(truth: Truth, now: dict[str, Any]) -> None:
    by_submission = defaultdict(list)
    for resolution in now["resolutions"].values():
        at = datetime.fromisoformat(resolution["created_at"])
        by_submission[str(resolution["target_id"])].append((resolution["type"], at, resolution["user_id"]))
    user = {r.email: native_id("resource", r.id) for r in truth.resources}
    checked = 0
    for entry in truth.time_entries:
        shown = now["time_entries"].get(native_id("time_entry", entry.id))
        if shown is None:
            continue
        expected = [(e.status, e.at, user.get(e.actor)) for e in entry.statuses if e.at <= truth.today]
        found = []
        if shown["recent_submission_id"] is not None:
            submission = now["timesheet_submissions"][shown["recent_submission_id"]]
            found = [("submitted", datetime.fromisoformat(submission["created_at"]), submission["user_id"])]
            found += by_submission[submission["id"]]
            assert shown["id"] in submission["time_entry_ids"]
        assert sorted(found, key=lambda e: e[1]) == expected
        assert shown["approved"] == (bool(expected) and expected[-1][0] == "approved")
        checked += len(expected)
    assert checked > 5_000


def test_an_entry_that_is_handed_in_again_is_on_the_latest_submission() -> None:
    at = NOW - timedelta(days=3)
    events = tuple(
        StatusEvent(status, at + timedelta(hours=n), "a@b.c")
        for n, status in enumerate(("submitted", "rejected", "submitted", "approved"))
    )
    entry = TimeEntry("T000001", "P0001", "R001", at.date(), Decimal(8), True, "", at, events)
    assert [(s.at, [e.status for e in r]) for s, r in cycles(entry)] == [
        (at, ["rejected"]),
        (at + timedelta(hours=2), ["approved"]),
    ]


def test_rates_in_two_clocks(truth: Truth, now: dict[str, Any]) -> None:
    found = set()
    for role in now["rate_card_roles"].values():
        version = now["rate_card_versions"][role["rate_card_version_id"]]
        found.add(
            (
                version["rate_card_id"],
                role["role_id"],
                role["rate"],
                now["rate_card_set_versions"][version["rate_card_set_version_id"]]["effective_date"],
                datetime.fromisoformat(role["created_at"]),
            )
        )
    assert found == {
        (
            native_id("rate_card", line.rate_card_id),
            native_id("role", line.role),
            int(line.bill_rate * 100),
            line.effective_from.isoformat(),
            line.recorded_at,
        )
        for line in truth.rate_card_lines
        if line.recorded_at <= truth.today
    }


def test_a_retroactive_rate_changes_the_rate_that_an_entry_shows(truth: Truth) -> None:
    late = [x for x in truth.rate_card_lines if x.recorded_at.date() > x.effective_from and x.recorded_at < truth.today]
    moved = 0
    for line in late:
        before = {r.id: r.record for r in rows(View(truth, line.recorded_at - timedelta(seconds=1)))}
        after = {r.id: r for r in rows(View(truth, line.recorded_at))}
        for id_, record in before.items():
            if "rate_in_cents" in record and after[id_].record["rate_in_cents"] != record["rate_in_cents"]:
                assert after[id_].modified == line.recorded_at
                moved += 1
    assert moved > 0


def test_clients_carry_the_id_of_the_crm(truth: Truth, now: dict[str, Any]) -> None:
    for customer in truth.customers:
        if customer.known_to_psa_at is None or customer.known_to_psa_at > truth.today:
            continue
        group = now["workspace_groups"][native_id("customer", customer.id)]
        (reference,) = (now["external_references"][i] for i in group["external_reference_ids"])
        assert reference["service_name"] == "salesforce"
        assert reference["service_model_ref"] == salesforce_id("account", customer.id)


def test_known_defects_are_what_kantata_shows(truth: Truth, now: dict[str, Any]) -> None:
    seen = set()
    for defect in truth.defects:
        if defect.system != "kantata":
            continue
        seen.add(defect.rule)
        if defect.rule == "project_currency_known":
            record = now["workspaces"][native_id("project", defect.record_id)]
            assert record["currency"] not in {e.currency for e in truth.legal_entities}
            continue
        record = now["time_entries"][native_id("time_entry", defect.record_id)]
        hours = Decimal(record["time_in_minutes"]) / 60
        if defect.rule == "time_hours_in_range":
            assert hours <= 0 or hours > 24
        else:
            assert record["workspace_id"] not in now["workspaces"]
        assert hours * record["rate_in_cents"] / 100 == defect.amount
        assert record["currency"] == defect.currency
    assert seen == {"time_hours_in_range", "time_project_known", "project_currency_known"}
    bad = {native_id("time_entry", d.record_id) for d in truth.defects if d.object == "time_entries"}
    for id_, record in now["time_entries"].items():
        if id_ not in bad:
            assert 0 < record["time_in_minutes"] <= 24 * 60
            assert record["workspace_id"] in now["workspaces"]


def test_custom_fields_are_set_up(now: dict[str, Any]) -> None:
    sets = {i: r["subject_type"] for i, r in now["custom_field_sets"].items()}
    there = {(sets[r["custom_field_set_id"]], r["name"]) for r in now["custom_fields"].values()}
    assert there == {(subject, name) for subject, fields in CUSTOM_FIELDS.items() for name in fields}
