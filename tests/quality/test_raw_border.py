"""What the border does over time: conservation, repeats, repairs, late parents, changed rules, and failing closed."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import duckdb
import pytest

from quality import evidence
from quality.rules import NoRowFrom, NotNull, RawSuite, Rule
from quality.runner import run_raw
from quality.verdict import GateError, ensure_tables, latest

EMAIL = Rule("email_present", "No e-mail. Enter it.", NotNull("email"), amount="b.worth", currency="'EUR'")
SUITE = RawSuite("hr", {"people": (EMAIL,), "rooms": ()})
GOOD = {"email": "a@x", "worth": 10}
BAD = {"email": None, "worth": 12.5}


@pytest.fixture
def hr(raw):
    raw.table("raw_hr.people", "email varchar, worth double")
    raw.table("raw_hr.rooms", "")
    return raw


def check(raw, now, suite=SUITE):
    return run_raw(raw.connection, suite.system, now, suite)


def counts(report):
    return (report.rows_in, report.accepted, report.quarantined_rows)


def test_rows_in_are_rows_accepted_and_quarantined(hr, now) -> None:
    for n in range(7):
        hr.arrive("raw_hr.people", f"p{n}", GOOD if n % 3 else BAD)
    hr.arrive("raw_hr.rooms", "r1", {})
    report = check(hr, now)
    assert counts(report) == (8, 5, 3)
    assert report.verdict.passed
    stored = hr.connection.execute("select table_name, rows_in, accepted, quarantined from quality.arrival").fetchall()
    assert sorted(stored) == [("people", 7, 4, 3), ("rooms", 1, 1, 0)]
    kept = latest(hr.connection, "raw", "hr", report.verdict.evidence["batch"])
    assert kept == report.verdict


def test_a_version_that_came_twice_counts_once(hr, now) -> None:
    for _ in range(2):
        hr.arrive("raw_hr.people", "p", BAD)
        hr.arrive("raw_hr.people", "q", GOOD)
    assert counts(check(hr, now)) == (2, 1, 1)
    assert len(hr.quarantine()) == 1


def test_a_repeat_changes_nothing(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    check(hr, now)
    before = hr.quarantine()
    report = check(hr, now + timedelta(days=1))
    assert counts(report) == (0, 0, 0)
    assert report.still_held == 1
    assert hr.quarantine() == before


def test_only_what_arrived_since_is_counted(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", GOOD)
    check(hr, now)
    hr.arrive("raw_hr.people", "q", BAD)
    assert counts(check(hr, now)) == (1, 0, 1)


def test_a_repaired_row_is_let_in_and_its_old_version_resolved(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    check(hr, now)
    hr.arrive("raw_hr.people", "p", GOOD, seen_at=now + timedelta(days=1))
    report = check(hr, now + timedelta(days=1))
    assert counts(report) == (1, 1, 0)
    assert report.still_held == 0
    (held,) = hr.quarantine()
    assert held["resolved_at"] == (now + timedelta(days=1)).replace(tzinfo=None)
    check(hr, now + timedelta(days=2))
    assert hr.quarantine() == [held]


def test_a_row_that_is_broken_again_is_held_again(hr, now) -> None:
    for day, payload in enumerate((BAD, GOOD, BAD)):
        at = now + timedelta(days=day)
        hr.arrive("raw_hr.people", "p", payload, seen_at=at)
        report = check(hr, at)
    assert report.still_held == 1
    (held,) = hr.quarantine()
    assert held["resolved_at"] is None
    assert held["detected_at"] == now.replace(tzinfo=None)


def test_a_deletion_is_never_held_back(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    check(hr, now)
    hr.arrive("raw_hr.people", "p", BAD, deleted=True, seen_at=now + timedelta(days=1))
    report = check(hr, now + timedelta(days=1))
    assert counts(report) == (1, 1, 0)
    assert report.still_held == 0


def test_instances_of_one_system_do_not_mix(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD, instance="north")
    hr.arrive("raw_hr.people", "p", GOOD, instance="south")
    assert counts(check(hr, now)) == (2, 1, 1)
    assert [row["instance"] for row in hr.quarantine()] == ["north"]


def test_a_row_whose_parent_arrives_later_is_released(hr, now) -> None:
    known = Rule(
        "room_known", "No such room. Create it.",
        NoRowFrom("select b._instance, b._source_id, b._hash from {batch} as b where not exists "
                  "(select 1 from raw_hr.rooms as r where r._source_id = b.email)"),
    )  # fmt: skip
    suite = RawSuite("hr", {"people": (known,), "rooms": ()})
    hr.arrive("raw_hr.people", "p", {"email": "r9", "worth": 1})
    assert check(hr, now, suite).quarantined == {"room_known": 1}
    hr.arrive("raw_hr.rooms", "r9", {})
    report = check(hr, now, suite)
    assert (report.released, report.still_held) == (1, 0)
    assert hr.quarantine() == []


def test_a_changed_rule_judges_all_versions_again(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    hr.arrive("raw_hr.people", "q", GOOD)
    check(hr, now)
    other = dataclasses.replace(EMAIL, name="worth_present", check=NotNull("worth"))
    report = check(hr, now, RawSuite("hr", {"people": (other,), "rooms": ()}))
    assert counts(report) == (2, 2, 0)
    assert report.released == 1


def test_a_missing_table_is_an_error(raw, now) -> None:
    raw.table("raw_hr.people", "email varchar, worth double")
    raw.arrive("raw_hr.people", "p", GOOD)
    with pytest.raises(GateError, match=r"raw_hr\.rooms is missing") as shut:
        check(raw, now)
    assert shut.value.verdict is not None
    assert not shut.value.verdict.passed


@pytest.mark.parametrize(
    "broken",
    [
        dataclasses.replace(EMAIL, check=NotNull("e_mail")),
        dataclasses.replace(EMAIL, amount="b.no_such_column"),
        dataclasses.replace(EMAIL, check=NoRowFrom("select 1 from {batch} as b join nowhere on true")),
    ],
)
def test_a_rule_that_can_not_be_judged_lets_nothing_in(hr, now, broken) -> None:
    hr.arrive("raw_hr.rooms", "r1", {})
    hr.arrive("raw_hr.people", "p", BAD)
    with pytest.raises(GateError):
        check(hr, now, RawSuite("hr", {"rooms": (), "people": (broken,)}))
    assert hr.quarantine() == []
    assert hr.connection.execute("select count(*) from quality.arrival").fetchone() == (0,)
    assert hr.connection.execute("select passed from quality.verdict").fetchall() == [(False,)]
    assert counts(check(hr, now)) == (2, 1, 1), "the next check judges what the broken one did not"


def test_a_row_without_a_key_breaks_the_count_and_shuts_the_gate(hr, now) -> None:
    hr.arrive("raw_hr.people", None, BAD)
    with pytest.raises(GateError, match="rows came in"):
        check(hr, now)
    assert hr.quarantine() == []


def test_it_opens_and_closes_a_file_of_its_own(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    hr.connection.close()
    assert counts(run_raw(hr.path, "hr", now, SUITE)) == (1, 0, 1)
    hr.connection = duckdb.connect(str(hr.path))
    assert len(hr.quarantine()) == 1
    assert hr.connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)


def test_tables_are_there_before_the_first_check(raw) -> None:
    ensure_tables(raw.connection)
    ensure_tables(raw.connection)
    assert raw.quarantine() == []


def test_a_run_without_arrivals_judges_nothing(hr, now, monkeypatch) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    check(hr, now)

    def never(*_: object) -> None:
        raise AssertionError("nothing arrived, so there is nothing to judge")

    monkeypatch.setattr("quality.raw_border.judge", never)
    assert check(hr, now).still_held == 1


def test_the_evidence_page_shows_what_was_counted(hr, now) -> None:
    hr.arrive("raw_hr.people", "p", BAD)
    hr.arrive("raw_hr.people", "q", GOOD)
    html = evidence.page(check(hr, now).verdict)
    assert "<td>people</td><td class='n'>2</td><td class='n'>1</td><td class='n'>1</td>" in html
    assert "<td>email_present</td><td class='n'>1</td>" in html
    with pytest.raises(GateError) as shut:
        check(hr, now, RawSuite("hr", {"desks": ()}))
    assert "raw_hr.desks is missing" in evidence.page(shut.value.verdict)
