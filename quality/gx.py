"""The adapter's inside: our data source for DuckDB, and rules as Great Expectations' expectations.

Imported by `engine.py` only, and only when a suite is judged, because the library takes seconds to import.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Literal

import great_expectations as gx
import great_expectations.expectations as gxe
import sqlalchemy
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine

from quality.rules import Between, InSet, NoRowFrom, NoRowWhere, NotNull, RowCount, Rule, Unique


class KeptConnectionEngine(SqlAlchemyExecutionEngine):
    """Reads through one connection for its whole life; the parent closes it before the answer is read."""

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        """The one connection."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def release(self) -> None:
        """End the read transaction that the reads opened, so that the connection's owner can start one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_names = count(1)
# The library puts an aliased subquery for its placeholder, which can't be given an alias of ours without this.
_ROWS = "(select * from {batch})"
# Engines in use, by the connection string of their data source: the library builds and tests a data source from
# strings alone, before anything else can be handed to it.
_engines: dict[str, sqlalchemy.Engine] = {}


class DuckDBDatasource(SQLDatasource):
    """A data source over an engine that somebody else made and disposes of."""

    # The parent declares the literal "sql"; a data source is found by this name.
    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> builtins.type[SqlAlchemyExecutionEngine]:
        """The engine that keeps its connection."""
        return KeptConnectionEngine

    def get_engine(self) -> sqlalchemy.Engine:
        """The engine that was given."""
        return _engines[str(self.connection_string)]

    def get_execution_engine(self) -> KeptConnectionEngine:
        """The execution engine over it, the same each time."""
        if not isinstance(self._execution_engine, KeptConnectionEngine):
            self._execution_engine = KeptConnectionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


class Library:
    """An ephemeral context: nothing is written, nothing is sent, no progress bars."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)

    @contextmanager
    def datasource(self, engine: sqlalchemy.Engine) -> Iterator[DuckDBDatasource]:
        """A data source over `engine`, forgotten afterwards."""
        name = f"batch_{next(_names)}"
        address = f"duckdb:///{name}"
        _engines[address] = engine
        try:
            source = self._context.data_sources.add_duckdb(name=name, connection_string=address)
            try:
                yield source
            finally:
                source.get_execution_engine().release()
        finally:
            self._context.data_sources.delete(name)
            del _engines[address]

    @staticmethod
    def suite(**arguments: Any) -> gx.ExpectationSuite:
        """A suite."""
        return gx.ExpectationSuite(**arguments)

    @staticmethod
    def expectation(rule: Rule, position: int) -> gxe.Expectation:
        """The rule as an expectation; `position` finds its result again, because results come in another order."""
        meta = {"rule": rule.name, "position": position}
        match rule.check:
            case NotNull(column):
                found: gxe.Expectation = gxe.ExpectColumnValuesToNotBeNull(column=column, meta=meta)
            case InSet(column, values):
                found = gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), meta=meta)
            case Between(column, low, high):
                found = gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta=meta)
            case Unique(column):
                found = gxe.ExpectColumnValuesToBeUnique(column=column, meta=meta)
            case RowCount(at_least):
                found = gxe.ExpectTableRowCountToBeBetween(min_value=at_least, meta=meta)
            case NoRowWhere(condition):
                query = f"select b.* from {_ROWS} as b where {condition}"
                found = gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, meta=meta)
            case NoRowFrom(query):
                found = gxe.UnexpectedRowsExpectation(unexpected_rows_query=query.replace("{batch}", _ROWS), meta=meta)
        return found
