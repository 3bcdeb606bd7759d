"""The gate's answer and where it is kept: plain data, and the tables of the warehouse's schema `quality`.

A verdict is keyed by the exact batch that it judged, so that whoever acts on a batch can look up the answer for it and
refuse where there is none. How a batch is judged is in `runner.py`; what is held back by row, in `raw_border.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

_TABLES = """
create schema if not exists quality;
create table if not exists quality.quarantine (
    system varchar not null, table_name varchar not null, instance varchar, source_id varchar, record_hash varchar,
    rule varchar not null, reason varchar not null, amount decimal(18, 4), currency varchar,
    detected_at timestamp not null, load_id varchar, resolved_at timestamp
);
create table if not exists quality.arrival (
    system varchar not null, table_name varchar not null, rules varchar not null,
    after_seq bigint not null, through_seq bigint not null,
    rows_in bigint not null, accepted bigint not null, quarantined bigint not null, checked_at timestamp not null
);
create table if not exists quality.verdict (
    border varchar not null, suite varchar not null, batch varchar not null, passed boolean not null,
    failures varchar not null, evidence varchar not null, checked_at timestamp not null
);
"""


class GateError(Exception):
    """A gate is shut: what it guards must not go on. Carries the verdict where there is one."""

    def __init__(self, message: str, verdict: Verdict | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict


@dataclass(frozen=True)
class Verdict:
    """What a gate says about one batch.

    Args:
        passed: every rule was judged and holds. At the raw border: every rule was judged; rows that fail are held
            back one by one and shut nothing.
        failures: one sentence a rule that fails or could not be judged.
        evidence: what was looked at: border, suite, batch, rows, and per rule its count and some keys. JSON values
            only, keys but no payload, so that no personal data leaves its table.
    """

    passed: bool
    failures: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The verdict as JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Verdict:
        """The verdict that `to_json` wrote."""
        found = json.loads(text)
        return Verdict(found["passed"], tuple(found["failures"]), found["evidence"])


def ensure_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schema `quality` and its tables where they are missing. Call it before dbt: staging reads them."""
    connection.execute(_TABLES)


def digest(parts: object) -> str:
    """A short name for a batch: the hash of its content as JSON (dates and decimals by their text)."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def naive_utc(at: datetime) -> datetime:
    """An aware instant as the warehouse keeps it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def store(connection: duckdb.DuckDBPyConnection, verdict: Verdict, at: datetime) -> None:
    """Keep a verdict. The latest one of a batch counts; earlier ones stay as its history."""
    evidence = verdict.evidence
    connection.execute(
        "insert into quality.verdict values (?, ?, ?, ?, ?, ?, ?)",
        [
            evidence["border"],
            evidence["suite"],
            evidence["batch"],
            verdict.passed,
            json.dumps(verdict.failures),
            json.dumps(evidence, sort_keys=True),
            naive_utc(at),
        ],
    )


def latest(connection: duckdb.DuckDBPyConnection, border: str, suite: str, batch: str) -> Verdict | None:
    """The latest verdict on exactly this batch; None where nobody has judged it."""
    row = connection.execute(
        "select passed, failures, evidence from quality.verdict where border = ? and suite = ? and batch = ? "
        "order by checked_at desc, rowid desc limit 1",
        [border, suite, batch],
    ).fetchone()
    return Verdict(row[0], tuple(json.loads(row[1])), json.loads(row[2])) if row else None


def require(connection: duckdb.DuckDBPyConnection, border: str, suite: str, batch: str) -> Verdict:
    """The green verdict on exactly this batch.

    Raises:
        GateError: nobody has judged the batch, or its verdict is red.
    """
    found = latest(connection, border, suite, batch)
    if found is None:
        raise GateError(f"{border} gate: batch {batch} has not been judged by suite {suite}; run the gate first")
    if not found.passed:
        raise GateError(f"{border} gate is shut for batch {batch}: " + "; ".join(found.failures), found)
    return found


@contextmanager
def opened(warehouse: Path | duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The given connection, left open; or one to the given file, closed afterwards."""
    if isinstance(warehouse, Path):
        with duckdb.connect(str(warehouse)) as connection:
            yield connection
    else:
        yield warehouse
