"""Reads an outbox relation from a DuckDB file into desired rows, read-only. The columns are the contract in `spec.py`.

The file is the published generation: the file that the pipeline writes admits one process only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reverse_etl.canonical import canonical
from reverse_etl.spec import DesiredRow, SyncSpec

SCHEMA = "sync"
COLUMNS = (
    "key", "eligible", "ineligible_reason", "payload", "observed_native_id", "observed_payload", "business_key",
    "client", "amount", "currency", "legal_entity_code", "posting_date", "correlation_id", "depends_on",
)  # fmt: skip


class BrokenOutbox(ValueError):
    """An outbox relation is missing or breaks the contract in `spec.py`; the message says where."""


def read(path: Path, spec: SyncSpec) -> list[DesiredRow]:
    """The rows of `sync.<relation>` in the file, in key order.

    Raises:
        BrokenOutbox: if the file, the relation or one of its columns isn't there, or a row can't be read.
    """
    import duckdb

    relation = f"{SCHEMA}.{spec.relation}"
    try:
        with duckdb.connect(str(path), read_only=True) as warehouse:
            found = warehouse.execute(f"select {', '.join(COLUMNS)} from {relation} order by key").fetchall()
    except duckdb.Error as error:
        raise BrokenOutbox(f"{relation} can't be read from {path}: {error}") from error
    return [parse(relation, dict(zip(COLUMNS, row, strict=True))) for row in found]


def parse(relation: str, record: Mapping[str, Any]) -> DesiredRow:
    """One record as a desired row.

    Raises:
        BrokenOutbox: if its JSON can't be read, or an eligible row has no payload.
    """
    try:
        payload = json.loads(record["payload"]) if record["payload"] else {}
        observed = json.loads(record["observed_payload"]) if record["observed_payload"] else None
        depends_on = tuple(json.loads(record["depends_on"])) if record["depends_on"] else ()
    except ValueError as error:
        raise BrokenOutbox(f"{relation}, key {record['key']!r}: {error}") from error
    if record["eligible"] and not payload:
        raise BrokenOutbox(f"{relation}, key {record['key']!r}: eligible, but without a payload")
    plain = {name: record[name] for name in COLUMNS if name not in ("payload", "observed_payload", "depends_on")}
    plain["key"] = plain["key"] or ""
    plain["eligible"] = bool(plain["eligible"])
    plain["correlation_id"] = plain["correlation_id"] or plain["key"]
    return DesiredRow(**plain, payload=payload, observed_payload=observed, depends_on=depends_on)


def records(rows: Sequence[DesiredRow]) -> list[dict[str, Any]]:
    """The rows with the contract's columns and types: what a gate judges."""
    return [
        {
            **{name: getattr(row, name) for name in COLUMNS},
            "payload": canonical(row.payload) if row.payload else None,
            "observed_payload": None if row.observed_payload is None else canonical(row.observed_payload),
            "depends_on": canonical(list(row.depends_on)) if row.depends_on else None,
        }
        for row in rows
    ]
