"""Great Expectations on DuckDB: the one module that imports it, and only when a suite is judged.

The stock SQL data source closes its connection before it reads the answer on DuckDB, so one connection is kept: the
caller's own, which therefore also sees the caller's temporary tables. What a rule means is in `rules.py`, what follows
from a finding in `runner.py` and `raw_border.py`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

from quality.rules import Between, Check, InSet, NoRowFrom, NoRowWhere, NotNull, RowCount, Rule

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

# The library keeps one context of data sources, which is not made for threads.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Finding:
    """What became of one rule.

    Args:
        failed: rows that break it; 0 where it holds or where it could not be judged.
        error: why it could not be judged; None where it was. A rule that could not be judged has not passed.
        rows_query: SQL that finds the failing rows by the key columns; None where the rule judges no single row.
        observed: what was counted, where the rule counts.
    """

    rule: Rule
    failed: int
    error: str | None = None
    rows_query: str | None = None
    observed: float | None = None

    @property
    def passed(self) -> bool:
        """The rule was judged and holds."""
        return self.error is None and self.failed == 0


def judge(
    connection: duckdb.DuckDBPyConnection, batch_query: str, rules: Sequence[Rule], key: Sequence[str]
) -> list[Finding]:
    """Judge every rule on the rows of `batch_query`, by SQL on the given connection.

    Args:
        connection: stays open and belongs to the caller; must not be inside a transaction.
        batch_query: a select; each rule reads it again, so let it read a table.
        key: columns that identify a row of the batch.

    Returns:
        One finding a rule, in the order of `rules`. A rule whose expectation raised an error, or that came back
        without an answer, is a finding with `error`: it never counts as passed.
    """
    if not rules:
        return []
    with _one_at_a_time:
        answer = _validate(_library(), connection, batch_query, rules)
    results = {result.expectation_config.meta["position"]: result for result in answer.results}
    return [_finding(rule, results.get(position), batch_query, key) for position, rule in enumerate(rules)]


def _validate(library: Any, connection: duckdb.DuckDBPyConnection, batch_query: str, rules: Sequence[Rule]) -> Any:
    """The library's own result for all rules."""
    with _kept(connection) as engine, library.datasource(engine) as source:
        batch = (
            source.add_query_asset(name="rows", query=batch_query).add_batch_definition_whole_table("all").get_batch()
        )
        return batch.validate(
            library.suite(
                name="suite",
                expectations=[library.expectation(rule, position) for position, rule in enumerate(rules)],
            ),
            result_format={
                "result_format": "BASIC",
                "partial_unexpected_count": 0,
            },
        )


def _finding(rule: Rule, result: ExpectationValidationResult | None, batch_query: str, key: Sequence[str]) -> Finding:
    if result is None:
        return Finding(rule, 0, error="no result came back for this rule")
    error = _error(result.exception_info)
    detail = result.result or {}
    if error is None and not detail:
        error = "the expectation came back without a result"
    if error is not None:
        return Finding(rule, 0, error=error)
    observed = detail.get("observed_value")
    if isinstance(rule.check, RowCount):
        failed = 0 if result.success else max(1, rule.check.at_least - int(observed or 0))
    elif isinstance(rule.check, NoRowWhere | NoRowFrom):
        failed = int(observed or 0)
    else:
        failed = int(detail.get("unexpected_count") or 0)
    if not result.success and failed == 0:
        return Finding(rule, 0, error="the expectation failed without saying how many rows fail")
    return Finding(rule, failed, None, _rows_query(rule.check, batch_query, key), observed)


def _error(info: Any) -> str | None:
    """The first line of what an expectation raised. The library tells it in two shapes."""
    if not info:
        return None
    if "raised_exception" in info:
        return _first_line(info.get("exception_message")) if info["raised_exception"] else None
    raised = [one for one in info.values() if one.get("raised_exception")]
    return _first_line(raised[0].get("exception_message")) if raised else None


def _first_line(message: str | None) -> str:
    return (message or "an error without a message").strip().splitlines()[0][:500]


def _rows_query(check: Check, batch_query: str, key: Sequence[str]) -> str | None:
    """SQL for the keys of the failing rows.

    Written here rather than taken from the result, which names the library's own temporary tables and differs by
    expectation; a test compares the two counts.
    """
    keys = ", ".join(f'b."{column}"' for column in key)
    condition: str
    if isinstance(check, RowCount):
        return None
    if isinstance(check, NoRowFrom):
        return check.query.format(batch=f"({batch_query})")
    if isinstance(check, NoRowWhere):
        condition = check.condition.format()
    elif isinstance(check, NotNull):
        condition = f'b."{check.column}" is null'
    elif isinstance(check, InSet):
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in check.values)
        condition = f'b."{check.column}" not in ({values})'
    elif isinstance(check, Between):
        bounds = [f'b."{check.column}" < {check.low}'] if check.low is not None else []
        bounds += [f'b."{check.column}" > {check.high}'] if check.high is not None else []
        condition = " or ".join(bounds)
    else:
        column = f'"{check.column}"'
        condition = (
            f"b.{column} in (select d.{column} from ({batch_query}) as d group by d.{column} having count(*) > 1)"
        )
    return f"select {keys} from ({batch_query}) as b where {condition}"


@contextmanager
def _kept(connection: duckdb.DuckDBPyConnection) -> Iterator[Any]:
    """A SQLAlchemy engine over the caller's connection. It is disposed of; the connection stays open."""
    import duckdb_engine
    import sqlalchemy

    class Kept(duckdb_engine.ConnectionWrapper):
        """Closing it closes nothing: the connection is the caller's."""

        def close(self) -> None:
            self.closed = True

    wrapper = Kept(connection)
    engine = sqlalchemy.create_engine("duckdb://", creator=lambda: wrapper, poolclass=sqlalchemy.StaticPool)
    try:
        yield engine
    finally:
        engine.dispose()


@lru_cache(maxsize=1)
def _library() -> Any:
    """Great Expectations, imported once (about three seconds of CPU) and told to stay silent and offline."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    from quality import gx

    return gx.Library()
