"""What one raw table is: its object in the source, its key, its cursor and its declared columns.

A source module (`ingestion/sources/<system>.py`) is a list of these and a docstring; how they are read and loaded is
`extract.py` and `pipeline.py`, once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import pyarrow as pa


class Reader(Protocol):
    """What a system's client offers to ingestion. Pages are NDJSON: one JSON object a line, no envelope."""

    instance: str

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of the object `name`; with `since`, at least the rows changed at or after it."""
        ...

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that exist now: what a sweep for deletes compares with."""
        ...


@dataclass(frozen=True)
class Resource:
    """One raw table.

    Args:
        table: name under `raw_<system>`.
        object: what the client calls it.
        key: columns whose values, joined by `|`, identify a row within its instance.
        schema: declared payload columns with their Arrow types. A new column evolves the table; a value that does
            not fit its declared type fails the load.
        mode: `cursor` reads what changed since the high-water mark less the overlap; `snapshot` reads all, each time.
        changed_at: column of the source's own change time (needed by `cursor`).
        deletes: how a deleted row is seen: `sweep` compares ids (cursor resources), `absence` is a snapshot's own,
            `flag` a column that says so, `never` where the source does not delete.
        deleted_flag: the boolean column of `flag`.
    """

    table: str
    object: str
    key: tuple[str, ...]
    schema: pa.Schema
    mode: Literal["cursor", "snapshot"] = "cursor"
    changed_at: str | None = None
    deletes: Literal["sweep", "absence", "flag", "never"] = "never"
    deleted_flag: str | None = None


@dataclass(frozen=True)
class Source:
    """One system's resources and the way to its client. `connect` reads the environment when it is called."""

    system: str
    resources: tuple[Resource, ...]
    connect: Callable[[], Reader]
