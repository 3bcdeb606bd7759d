"""Raw tables on a real DuckDB file, with the columns that ingestion adds to every version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

META = (
    "_instance varchar, _source_id varchar, _source_changed_at timestamptz, _seen_at timestamptz, "
    "_is_deleted boolean, _hash varchar, _load_seq bigint, _dlt_load_id varchar"
)
NOW = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


class Raw:
    """A warehouse that tests fill with arrivals. `arrive` appends one version and returns its `_load_seq`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = duckdb.connect(str(path))
        self.connection.execute("set timezone='UTC'")
        self._seq = count(1)

    def table(self, name: str, columns: str) -> None:
        schema = name.split(".", maxsplit=1)[0]
        self.connection.execute(f"create schema if not exists {schema}")
        self.connection.execute(
            f"create table {name} ({columns}, {META})" if columns else f"create table {name} ({META})"
        )

    def arrive(
        self, table: str, source_id: str | None, payload: dict[str, Any], *, digest: str | None = None,
        deleted: bool = False, instance: str = "main", seen_at: datetime = NOW,
    ) -> int:  # fmt: skip
        seq = next(self._seq)
        row = payload | {
            "_instance": instance,
            "_source_id": source_id,
            "_source_changed_at": seen_at,
            "_seen_at": seen_at,
            "_is_deleted": deleted,
            "_hash": digest or f"h{sorted(payload.items())}{deleted}",
            "_load_seq": seq,
            "_dlt_load_id": f"load-{seq}",
        }
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))
        return seq

    def quarantine(self) -> list[dict[str, Any]]:
        cursor = self.connection.execute(
            "select * from quality.quarantine order by table_name, source_id, rule, record_hash"
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Raw]:
    found = Raw(tmp_path / "warehouse.duckdb")
    yield found
    found.connection.close()


@pytest.fixture
def now() -> datetime:
    return NOW


RAW_COLUMNS: dict[str, dict[str, str]] = {
    "salesforce": {
        "account": '"BillingCountryCode" varchar',
        "opportunity": '"IsWon" boolean, "Amount" double, "CurrencyIsoCode" varchar',
    },
    "kantata": {
        "workspaces": "currency varchar",
        "time_entries": "time_in_minutes bigint, rate_in_cents bigint, currency varchar, workspace_id varchar",
    },
    "netsuite": {
        "transaction": "id varchar, type varchar, currency varchar, foreigntotal varchar",
        "currency": "symbol varchar",
        "transactionline": "transaction varchar, mainline varchar, taxline varchar, foreignamount varchar",
    },
    "tryton": {
        "opportunity": "state varchar, amount decimal(18, 4)",
        "timesheet_line": "duration double, work bigint",
        "invoice": "id bigint, currency__code varchar, untaxed_amount decimal(18, 4)",
        "invoice_line": "invoice bigint, type varchar, amount decimal(18, 4)",
    },
    "bamboohr": {"employees": '"workEmail" varchar'},
}


@pytest.fixture
def all_tables(raw: Raw) -> Callable[[str], Raw]:
    """Creates every raw table that a system's suite expects, with the columns that its rules read."""
    import importlib

    def create(system: str) -> Raw:
        suite = importlib.import_module(f"quality.suites.raw.{system}").SUITE
        for table in suite.tables:
            raw.table(f"raw_{system}.{table}", RAW_COLUMNS[system].get(table, ""))
        return raw

    return create
