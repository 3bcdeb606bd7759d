"""What a rule and a suite are: data, without a library behind them.

A rule belongs here when it judges an arrival, a reconciliation or an outgoing batch. Types are dlt's contract at the
door, and keys and relations inside the model are dbt tests: a rule lives in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NotNull:
    """The column has a value."""

    column: str


@dataclass(frozen=True)
class InSet:
    """The column's value, where it has one, is one of these."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Between:
    """The column's value, where it has one, lies within both bounds, which are allowed themselves."""

    column: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Unique:
    """No value of the column comes twice."""

    column: str


@dataclass(frozen=True)
class RowCount:
    """The relation has at least this many rows."""

    at_least: int


@dataclass(frozen=True)
class NoRowWhere:
    """No row meets this SQL condition. Columns are written as `b.<column>`; braces are doubled."""

    condition: str


@dataclass(frozen=True)
class NoRowFrom:
    """This SQL query finds nothing. `{batch}` stands for the relation; other relations may be read beside it."""

    query: str


Check = NotNull | InSet | Between | Unique | RowCount | NoRowWhere | NoRowFrom


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    Args:
        name: fixed and unique in its suite; KPIs and summaries count by it.
        reason: what is wrong with a row that fails and what to do, for the person who has to repair it.
        check: the expectation.
        amount: SQL of the money that a failing row would have carried, over `b`; None where it carries none.
        currency: SQL of its ISO 4217 code, over `b`.
    """

    name: str
    reason: str
    check: Check
    amount: str | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Suite:
    """The rules of one relation, by their border: `raw`, `canonical` or `outbox`."""

    name: str
    border: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class RawSuite:
    """What must hold on arrivals from one system: every raw table that it must have, with its rules (maybe none)."""

    system: str
    tables: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
