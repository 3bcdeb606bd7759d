"""Source: the control store's deliveries, for the KPIs on the health of the syncs.

Not an outside system: the ledger's own tables, read through SQLAlchemy from wherever `THROUGHLINE_CONTROL_STORE` says.
Payloads stay in the ledger; what is read here carries states, times, amounts and error codes.

Data flow: table `delivery` -> `raw_control.delivery`, a snapshot; nothing is deleted there. Which plan a delivery is in
is left out: it changes with every run, and a row that waits would be a new version each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from common.settings import settings
from ingestion.resource import Resource, Source

_PAGE = 5_000


class ControlStore:
    """Reads the ledger's tables as NDJSON pages. A store that does not exist yet has no rows."""

    instance = "main"

    def __init__(self, url: str) -> None:
        self._url = url

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """All rows of the table `name`, the declared columns only."""
        from sqlalchemy import column, create_engine, inspect, select, table

        engine = create_engine(self._url)
        try:
            if self._url.startswith("sqlite:///") and not _exists(self._url):
                return
            if not inspect(engine).has_table(name):
                return
            query = select(*(column(f) for f in fields)).select_from(table(name))
            with engine.connect() as connection:
                rows = connection.execution_options(yield_per=_PAGE).execute(query)
                for part in rows.mappings().partitions(_PAGE):
                    yield b"\n".join(msgspec.json.encode(_row(row)) for row in part)
        finally:
            engine.dispose()

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Nothing is deleted from the ledger, so nobody sweeps it."""
        raise NotImplementedError(f"{name}: the ledger is append-only; there is nothing to sweep")


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Counts stay numbers; money and instants travel as text, whatever the database made of them."""
    return {k: v if v is None or k in _COUNTS else str(v) for k, v in row.items()}


def _exists(url: str) -> bool:
    from pathlib import Path

    return Path(url.removeprefix("sqlite:///")).exists()


def connect() -> ControlStore:
    """The active firm's control store."""
    return ControlStore(settings().control_store_url)


_WHEN = pa.string()
RESOURCES = (
    Resource(
        "delivery",
        "delivery",
        ("delivery_id",),
        pa.schema(
            [(name, pa.string()) for name in ("delivery_id", "sync_id", "target", "object", "ext_key")]
            + [("version", pa.int64()), ("attempts", pa.int64())]
            + [(name, pa.string()) for name in ("op", "state", "held_reason", "error_class", "error_code")]
            + [(name, pa.string()) for name in ("business_key", "client", "amount", "currency", "legal_entity_code")]
            + [(name, _WHEN) for name in ("correlation_id", "created_at", "updated_at")]
        ),
        mode="snapshot",
        changed_at="updated_at",
    ),
)

_COUNTS = frozenset(f.name for r in RESOURCES for f in r.schema if pa.types.is_integer(f.type))

SOURCE = Source("control", RESOURCES, connect)
