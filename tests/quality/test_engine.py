"""The adapter: each kind of check counts what breaks it, finds the rows again, and fails closed where it errs."""

from __future__ import annotations

import os
import subprocess
import sys

import duckdb
import pytest

from quality.engine import judge
from quality.rules import Between, InSet, NoRowFrom, NoRowWhere, NotNull, RowCount, Rule, Unique

# id, email, hours, code
ROWS = [(1, "a@x", 5.0, "EUR"), (2, None, 0.0, "USD"), (3, "c@x", 25.0, "XXX"), (4, "c@x", None, None)]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create table t (id integer, email varchar, hours double, code varchar)")
    con.executemany("insert into t values (?, ?, ?, ?)", ROWS)
    return con


@pytest.mark.parametrize(
    ("check", "failing"),
    [
        (NotNull("email"), {2}),
        (InSet("code", ("EUR", "USD")), {3}),
        (Between("hours", 1, 24), {2, 3}),
        (Between("hours", low=1), {2}),
        (Between("hours", high=24), {3}),
        (Unique("email"), {3, 4}),
        (NoRowWhere("b.hours > 24 or b.code = 'US{{}}'"), {3}),
        (NoRowFrom("select b.id from {batch} as b where exists (select 1 from t where t.id = b.id + 3)"), {1}),
    ],
)
def test_a_check_counts_the_rows_that_break_it_and_finds_them(connection, check, failing) -> None:
    (finding,) = judge(connection, "select * from t", [Rule("r", "why", check)], ("id",))
    assert finding.error is None
    assert not finding.passed
    assert finding.failed == len(failing)
    assert {row[0] for row in connection.execute(finding.rows_query).fetchall()} == failing


@pytest.mark.parametrize(
    "check",
    [
        NotNull("id"),
        InSet("id", ("1", "2", "3", "4")),
        Between("id", 1, 4),
        Unique("id"),
        RowCount(4),
        NoRowWhere("b.id > 4"),
        NoRowFrom("select b.id from {batch} as b where b.id is null"),
    ],
)
def test_a_check_lets_good_rows_through(connection, check) -> None:
    (finding,) = judge(connection, "select * from (select * replace (id::varchar as id) from t)", [], ("id",)) or (
        None,
    )
    assert finding is None
    batch = "select * replace (id::varchar as id) from t" if isinstance(check, InSet) else "select * from t"
    (finding,) = judge(connection, batch, [Rule("r", "why", check)], ("id",))
    assert finding.passed, finding


def test_too_few_rows(connection) -> None:
    (finding,) = judge(connection, "select * from t", [Rule("r", "why", RowCount(6))], ("id",))
    assert (finding.passed, finding.failed, finding.observed) == (False, 2, 4)


@pytest.mark.parametrize(
    "check",
    [NotNull("nope"), Between("email", 1, 2), NoRowWhere("b.nope = 1"), NoRowFrom("select 1 from nowhere, {batch}")],
)
def test_a_rule_that_errs_has_not_passed(connection, check) -> None:
    good = Rule("good", "why", NotNull("id"))
    bad, fine = judge(connection, "select * from t", [Rule("bad", "why", check), good], ("id",))
    assert bad.error
    assert not bad.passed
    assert fine.passed


def test_findings_come_in_the_order_of_the_rules(connection) -> None:
    rules = [Rule(f"r{i}", "why", NotNull("email") if i % 2 else RowCount(1)) for i in range(7)]
    assert [f.rule.name for f in judge(connection, "select * from t", rules, ("id",))] == [r.name for r in rules]


def test_the_callers_connection_stays_open_and_its_temporary_tables_are_seen(connection) -> None:
    connection.execute("create temp table mine as select 1 as id")
    (finding,) = judge(connection, "select * from mine", [Rule("r", "why", RowCount(1))], ("id",))
    assert finding.passed
    connection.execute("begin")
    connection.execute("insert into mine values (2)")
    connection.execute("commit")
    assert connection.execute("select count(*) from mine").fetchone() == (2,)


def test_the_library_is_imported_only_when_a_suite_is_judged() -> None:
    code = "import sys, quality.runner; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
