"""Verdicts: kept by exact batch, asked for before anybody acts, shown without anybody else's host."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from quality import evidence
from quality.rules import NoRowWhere, NotNull, Rule, Suite
from quality.runner import run
from quality.verdict import GateError, Verdict, digest, ensure_tables, latest, require, store

RULES = (Rule("name_present", "No <name>. Enter it.", NotNull("name")), Rule("odd", "Even.", NoRowWhere("b.id = 2")))


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    ensure_tables(con)
    con.execute("create table t as select * from (values (1, 'a'), (2, null)) as v(id, name)")
    return con


@pytest.fixture
def red(connection) -> Verdict:
    return run(Suite("people", "canonical", RULES), connection, "t", batch="b1", key=("id",))


def test_a_red_verdict_says_what_fails_where(red) -> None:
    assert not red.passed
    assert red.failures == ("t: name_present fails on 1. No <name>. Enter it.", "t: odd fails on 1. Even.")
    assert [(r["rule"], r["failed"], r["examples"]) for r in red.evidence["rules"]] == [
        ("name_present", 1, [["2"]]), ("odd", 1, [["2"]]),
    ]  # fmt: skip


def test_json_and_back(red) -> None:
    assert Verdict.from_json(red.to_json()) == red


def test_a_relation_that_is_not_there_is_red(connection) -> None:
    verdict = run(Suite("people", "canonical", RULES), connection, "nowhere", batch="b", key=("id",))
    assert not verdict.passed
    assert "could not be judged" in verdict.failures[0]


def test_the_latest_verdict_on_a_batch_counts(connection, red, now) -> None:
    green = Verdict(True, (), red.evidence)
    store(connection, green, now)
    assert require(connection, "canonical", "people", "b1") == green
    store(connection, red, now + timedelta(hours=1))
    assert latest(connection, "canonical", "people", "b1") == red
    with pytest.raises(GateError, match="name_present"):
        require(connection, "canonical", "people", "b1")


def test_a_batch_that_nobody_judged_is_refused(connection, red, now) -> None:
    store(connection, Verdict(True, (), red.evidence), now)
    with pytest.raises(GateError, match="has not been judged"):
        require(connection, "canonical", "people", "b2")


def test_a_digest_names_content() -> None:
    assert digest([{"a": 1, "b": 2}]) == digest([{"b": 2, "a": 1}])
    assert digest([1, 2]) != digest([2, 1])


def test_the_page_calls_nobody_and_escapes(red, tmp_path) -> None:
    path = evidence.write(red, tmp_path / "evidence")
    html = path.read_text()
    assert "No &lt;name&gt;" in html
    assert "The gate is shut" in html
    assert "http" not in html
    assert "<script" not in html
