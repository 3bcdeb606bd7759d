"""Publishes a generation: a new file with the marts, the outbox and the operations tables, swapped in atomically.

Dashboards and the delivery engine read a generation and never the file that the pipeline writes. Raw stays out, and
with it the personal data in it. Refuses where the gate's verdict on the canonical layer is missing or red.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from common.settings import Settings
from quality.runner import canonical_batch
from quality.verdict import require

SCHEMAS = ("canonical", "kpi", "sync", "quality", "operations")
KEEP = 3
# Columns that name or address a person. They stay in the warehouse, where they can be erased.
PERSONAL = frozenset(
    {
        "full_name",
        "email",
        "owner_email",
        "account_owner",
        "actor",
        "resource_ref",
        "manager_ref",
        "project_manager_ref",
    }
)


class PublishRefused(Exception):
    """Nothing was published; the previous generation stays."""


@dataclass(frozen=True)
class Generation:
    """One published file."""

    number: int
    path: Path
    tables: int
    rows: int


def publish(config: Settings, now: datetime, fingerprint: str) -> Generation:
    """Copy the published schemas into the next generation's file and swap the link.

    Args:
        now: the instant that the generation speaks for.
        fingerprint: hash of the dbt project that made it.

    Raises:
        GateError: the gate has not judged exactly these canonical tables, or found them wrong.
        PublishRefused: the smoke query failed, or a write-ahead log was left beside the file.
    """
    folder = config.published.parent
    folder.mkdir(parents=True, exist_ok=True)
    number = 1 + max((_number(p) for p in folder.glob("published.g*.duckdb")), default=0)
    path = folder / f"published.g{number:06d}.duckdb"
    try:
        tables, rows = _copy(config.warehouse, path, number, now, fingerprint)
        wal = path.with_name(path.name + ".wal")
        if wal.exists():
            wal.unlink()
            raise PublishRefused(f"generation {number} had a write-ahead log left beside it, so it is not whole")
        _sync(path)
        _smoke(path, number)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    scratch = folder / f".current.{number}"
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(path.name)
    scratch.replace(config.published)
    for old in sorted(folder.glob("published.g*.duckdb"))[:-KEEP]:
        old.unlink()
    return Generation(number, path, tables, rows)


def _number(path: Path) -> int:
    return int(path.name.removeprefix("published.g").removesuffix(".duckdb"))


def _copy(warehouse: Path, path: Path, number: int, now: datetime, fingerprint: str) -> tuple[int, int]:
    con = duckdb.connect(str(warehouse))
    tables = rows = 0
    try:
        require(con, "canonical", "canonical", canonical_batch(con))
        con.execute(f"attach '{path}' as generation")
        found = con.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = current_database() and table_schema = any($1) order by 1, 2",
            [list(SCHEMAS)],
        ).fetchall()
        for schema in sorted({s for s, _ in found}):
            con.execute(f'create schema generation."{schema}"')
        for schema, table in found:
            columns = _public_columns(con, schema, table)
            con.execute(f'create table generation."{schema}"."{table}" as select {columns} from "{schema}"."{table}"')
            tables += 1
            rows += con.execute(f'select count(*) from generation."{schema}"."{table}"').fetchall()[0][0]
        con.execute(
            "create table generation.main.generation as select $1::integer as number, $2::timestamp as as_of, "
            "$3::varchar as model_fingerprint",
            [number, now.replace(tzinfo=None), fingerprint],
        )
        con.execute("checkpoint generation")
        con.execute("detach generation")
    finally:
        con.close()
    return tables, rows


def _public_columns(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> str:
    """The columns of a table that name nobody, quoted and joined."""
    rows = con.execute(
        "select column_name from information_schema.columns where table_catalog = current_database() "
        "and table_schema = $1 and table_name = $2 order by ordinal_position",
        [schema, table],
    ).fetchall()
    return ", ".join(f'"{name}"' for (name,) in rows if name not in PERSONAL)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _smoke(path: Path, number: int) -> None:
    con = duckdb.connect(str(path), read_only=True)
    try:
        got = con.execute("select number from generation").fetchall()
        con.execute("select count(*) from kpi.kpi_value").fetchall()
    except duckdb.Error as error:
        raise PublishRefused(f"generation {number} can't be read ({error}); the previous one stays") from error
    finally:
        con.close()
    if got != [(number,)]:
        raise PublishRefused(f"generation {number} says that it is {got}; the previous one stays")
