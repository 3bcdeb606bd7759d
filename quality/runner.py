"""Runs a suite on a relation or a batch and says what may pass: the three borders' entry points.

`run_raw` lets in what arrived (see `raw_border.py`), `run_canonical` says whether the model may be believed,
`run_outbox` whether a batch may leave. Rules are in `suites/`; nothing here knows a system or a KPI.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from quality import verdict as verdicts
from quality.engine import Finding, judge
from quality.raw_border import RawReport, run_raw
from quality.rules import Suite
from quality.verdict import Verdict, digest, ensure_tables, opened

__all__ = ["RawReport", "Verdict", "canonical_batch", "run", "run_canonical", "run_outbox", "run_raw"]

EXAMPLES = 20

# The outbox contract's columns (reverse_etl/spec.py) as one typed table.
OUTBOX_COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("eligible", pa.bool_()),
        ("ineligible_reason", pa.string()),
        ("payload", pa.string()),
        ("observed_native_id", pa.string()),
        ("observed_payload", pa.string()),
        ("business_key", pa.string()),
        ("client", pa.string()),
        ("amount", pa.decimal128(18, 4)),
        ("currency", pa.string()),
        ("legal_entity_code", pa.string()),
        ("posting_date", pa.date32()),
        ("correlation_id", pa.string()),
        ("depends_on", pa.string()),
    ]
)


def run(
    suite: Suite,
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    batch: str,
    key: Sequence[str],
) -> Verdict:
    """Judge one relation by one suite.

    Args:
        connection: outside any transaction; stays open.
        relation: a table, view or temporary table that the connection sees.
        batch: name of exactly these rows; the verdict is filed under it.
        key: columns that name a row in the evidence.

    Returns:
        Red where a rule fails, and where a rule could not be judged.
    """
    return conclude(suite.border, suite.name, batch, connection, [(relation, tuple(key), suite)])


def conclude(
    border: str,
    name: str,
    batch: str,
    connection: duckdb.DuckDBPyConnection,
    parts: Sequence[tuple[str, tuple[str, ...], Suite]],
) -> Verdict:
    """One verdict on several relations that stand or fall together. `parts`: (relation, key, suite)."""
    failures: list[str] = []
    rules: list[dict[str, Any]] = []
    rows: dict[str, int] = {}
    for relation, key, suite in parts:
        try:
            rows[relation] = _count(connection, relation)
            findings = judge(connection, f"select * from {relation}", suite.rules, key)
        except Exception as error:  # whatever the library or the database raises, an unjudged batch is not let through
            failures.append(f"{relation}: could not be judged ({_line(error)})")
            continue
        for finding in findings:
            sentence = told(relation, finding)
            if sentence is not None:
                failures.append(sentence)
            rules.append(
                {
                    "relation": relation,
                    "rule": finding.rule.name,
                    "passed": finding.passed,
                    "failed": finding.failed,
                    "error": finding.error,
                    "reason": finding.rule.reason,
                    "examples": _examples(connection, finding),
                }
            )
    evidence = {"border": border, "suite": name, "batch": batch, "rows": rows, "rules": rules}
    return Verdict(not failures, tuple(failures), evidence)


def told(relation: str, finding: Finding) -> str | None:
    """A finding as one sentence; None where the rule holds."""
    relation = relation.replace('"', "")
    if finding.error is not None:
        return f"{relation}: {finding.rule.name} could not be judged ({finding.error})"
    if finding.failed:
        return f"{relation}: {finding.rule.name} fails on {finding.failed}. {finding.rule.reason}"
    return None


def run_canonical(warehouse: Path | duckdb.DuckDBPyConnection, systems: Sequence[str], now: datetime) -> Verdict:
    """Judge whether the canonical model may be believed: totals in equal totals out, nothing is an orphan.

    The verdict is kept under `canonical_batch`, so that whoever publishes can ask for the verdict on exactly the
    tables that it is about to publish.

    Args:
        systems: slugs that the firm has; decides which reconciliations there are.
        now: from the injected clock.
    """
    from quality.suites import canonical

    with opened(warehouse) as connection:
        ensure_tables(connection)
        parts = canonical.suites(systems)
        found = conclude("canonical", "canonical", canonical_batch(connection), connection, parts)
        verdicts.store(connection, found, now)
        return found


def canonical_batch(connection: duckdb.DuckDBPyConnection) -> str:
    """The content of the canonical tables as one short name: it changes when any row of them does."""
    tables = connection.execute(
        "select table_name from information_schema.tables "
        "where table_schema = 'canonical' and table_type = 'BASE TABLE' order by table_name"
    ).fetchall()
    content = []
    for (name,) in tables:
        counted = connection.execute(f'select count(*), sum(hash(t)::hugeint) from canonical."{name}" as t').fetchone()
        content.append((name, counted))
    return digest(content)


def run_outbox(relation: str, rows: Sequence[Mapping[str, Any]]) -> Verdict:
    """Judge exactly the rows that are about to be sent.

    Args:
        relation: `sync_<target>__<object>`.
        rows: every row of the batch with the columns of the outbox contract; `payload`, `observed_payload` and
            `depends_on` as JSON text or as the values themselves.

    Returns:
        Red where a rule fails, a rule could not be judged, the target has no suite for the object, or the rows do not
        fit the contract's types: then nothing of the batch is sent. Its `evidence["batch"]` is the digest of the rows.
    """
    batch = digest([dict(row) for row in rows])
    target, _, object_ = relation.removeprefix("sync_").partition("__")
    evidence = {"border": "outbox", "suite": relation, "batch": batch, "rows": {relation: len(rows)}, "rules": []}
    try:
        rules = importlib.import_module(f"quality.suites.outbox.{target}").rules(object_)
    except (ModuleNotFoundError, KeyError):
        missing = f"{relation}: no outbox suite says what may leave; add it to quality/suites/outbox"
        return Verdict(False, (missing,), evidence)
    if not rows:
        return Verdict(True, (), evidence)
    try:
        table = _outbox_table(rows)
    except (pa.ArrowException, ArithmeticError, TypeError, ValueError) as error:
        return Verdict(False, (f"{relation}: the rows do not fit the outbox contract ({_line(error)})",), evidence)
    connection = duckdb.connect()
    try:
        connection.register("arriving", table)
        connection.execute(
            f'create table "{relation}" as select *, case when json_valid(payload) then cast(payload as json) end as '
            "_payload from arriving"
        )
        found = run(Suite(relation, "outbox", rules), connection, f'"{relation}"', batch=batch, key=("key",))
    finally:
        connection.close()
    return found


def _outbox_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns = {}
    for column in OUTBOX_COLUMNS:
        values = [row.get(column.name) for row in rows]
        if pa.types.is_string(column.type):
            values = [v if v is None or isinstance(v, str) else json.dumps(_plain(v), default=str) for v in values]
        elif pa.types.is_decimal(column.type):
            values = [None if v is None else pa.scalar(str(v)).cast(column.type).as_py() for v in values]
        columns[column.name] = pa.array(values, column.type)
    return pa.table(columns, OUTBOX_COLUMNS)


def _plain(value: Any) -> Any:
    """Mappings and tuples as what JSON knows."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _examples(connection: duckdb.DuckDBPyConnection, finding: Finding) -> list[list[str | None]]:
    """Keys of some failing rows."""
    if not finding.failed or finding.rows_query is None:
        return []
    rows = connection.execute(f"select * from ({finding.rows_query}) as r limit {EXAMPLES}").fetchall()
    return [[None if value is None else str(value) for value in row] for row in rows]


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:300]
