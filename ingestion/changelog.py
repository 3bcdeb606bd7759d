"""From pages to versions: what turns a source's rows into rows of the append-only change log.

A version is the payload, the key, when the source changed it, when we saw it and a hash. Everything here is Arrow and
SQL in memory; nothing is fetched and nothing is written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.json as pa_json

from ingestion.resource import Resource
from systems.errors import Fatal
from systems.http import redact

# Rows per Arrow table handed on: large enough for the parser, small enough for memory (measured).
BATCH_ROWS = 20_000

META = pa.schema(
    [
        ("_instance", pa.string()),
        ("_source_id", pa.string()),
        ("_source_changed_at", pa.timestamp("us", tz="UTC")),
        ("_seen_at", pa.timestamp("us", tz="UTC")),
        ("_is_deleted", pa.bool_()),
        ("_hash", pa.string()),
        ("_load_seq", pa.int64()),
    ]
)


@dataclass
class Stamp:
    """What all versions of one read share, and the running number that orders them."""

    system: str
    instance: str
    seen_at: datetime
    load_seq: int


@dataclass
class Counts:
    """What became of one resource's rows in one load."""

    read: int = 0
    kept: int = 0
    deleted: int = 0
    new_columns: list[str] = field(default_factory=list)


def parse(pages: Iterable[bytes], resource: Resource, system: str) -> Iterator[pa.Table]:
    """NDJSON pages as typed Arrow tables of about BATCH_ROWS rows.

    Declared columns get their declared types; columns that the source has added get inferred ones.

    Raises:
        Fatal: a page is not JSON, or a value does not fit its declared type; names the system and the table.
    """
    buffer: list[bytes] = []
    lines = 0
    for page in pages:
        if not page.strip():
            continue
        buffer.append(page if page.endswith(b"\n") else page + b"\n")
        lines += buffer[-1].count(b"\n")
        if lines >= BATCH_ROWS:
            yield _parse(b"".join(buffer), resource, system)
            buffer, lines = [], 0
    if buffer:
        yield _parse(b"".join(buffer), resource, system)


def _parse(ndjson: bytes, resource: Resource, system: str) -> pa.Table:
    try:
        table = _read(ndjson, resource.schema)
        # What looks like a date in one page may not in the next, and a column's type would have to change: an
        # undeclared column that the parser took for a date stays the text that it was.
        dates = [f.name for f in table.schema if f.name not in resource.schema.names and pa.types.is_temporal(f.type)]
        if dates:
            table = _read(ndjson, pa.schema([*resource.schema, *((name, pa.string()) for name in dates)]))
    except pa.ArrowInvalid as error:
        raise Fatal(
            system,
            f"{resource.table}: a value does not fit its declared type, or the page is broken ({_told(error)}). "
            "Nothing of this load was kept. If the source changed the field's type, change it in "
            f"ingestion/sources/{system}.py; else run again.",
        ) from error
    return _flatten(table, resource)


def _told(error: Exception) -> str:
    """What the parser says, without the value that it choked on: that may be personal."""
    return redact(re.sub(r"(couldn't parse):.*", r"\1 a value", str(error)), 200)


def _read(ndjson: bytes, schema: pa.Schema) -> pa.Table:
    return pa_json.read_json(
        io.BytesIO(ndjson),
        read_options=pa_json.ReadOptions(block_size=max(len(ndjson), 1 << 20)),
        parse_options=pa_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer", newlines_in_values=False
        ),
    )


def _flatten(table: pa.Table, resource: Resource) -> pa.Table:
    """Drop columns of pure null that nobody declared; keep the other undeclared ones as text, nested values as JSON.

    A type guessed from one page (whole numbers) is refuted by the next (fractions), and would then fail every load.
    """
    declared = set(resource.schema.names)
    for name in table.column_names:
        if name in declared:
            continue
        kind = table.schema.field(name).type
        if pa.types.is_null(kind):
            table = table.drop_columns([name])
        elif not pa.types.is_nested(kind) and not pa.types.is_string(kind):
            text = table.column(name).cast(pa.string())
            table = table.set_column(table.column_names.index(name), name, text)
        elif pa.types.is_nested(kind):
            con = duckdb.connect()
            position = table.column_names.index(name)
            text = con.execute(f'select cast(to_json("{name}") as varchar) as v from "table"').to_arrow_table()
            table = table.set_column(position, name, text.column(0))
    return table


def versions(
    tables: Iterable[pa.Table],
    resource: Resource,
    stamp: Stamp,
    known: pa.Table,
    counts: Counts,
    seen_ids: set[str] | None = None,
) -> Iterator[pa.Table]:
    """Rows that are new versions, with the log's own columns.

    Args:
        known: (`_source_id`, `_hash`) of the latest kept version of each key that may come again.
        counts: is added to.
        seen_ids: collects the keys that were read (snapshots compare them with what they had).
    """
    con = duckdb.connect()
    con.execute("set timezone='UTC'")
    con.register("known", known)
    key = " || '|' || ".join(f"cast({_q(column)} as varchar)" for column in resource.key)
    declared = set(resource.schema.names)
    for table in tables:
        counts.read += table.num_rows
        payload = table.column_names
        counts.new_columns = sorted({*counts.new_columns, *(c for c in payload if c not in declared)})
        changed = f"try_cast({_q(resource.changed_at)} as timestamptz)" if resource.changed_at else "null::timestamptz"
        deleted = f"coalesce({_q(resource.deleted_flag)}, false)" if resource.deleted_flag else "false"
        con.register("page", table)
        kept = con.execute(
            f"""
            with hashed as (
                select
                    {", ".join(_q(c) for c in payload)},
                    $instance as _instance,
                    {key} as _source_id,
                    {changed} as _source_changed_at,
                    $seen_at::timestamptz as _seen_at,
                    {deleted} as _is_deleted,
                    md5({_hash_of(payload)}) as _hash,
                    $seq + row_number() over () as _load_seq
                from page
            )
            select hashed.* from hashed
            where not exists (
                select 1 from known where known._source_id = hashed._source_id and known._hash = hashed._hash
            )
            order by _load_seq
            """,
            {"instance": stamp.instance, "seen_at": stamp.seen_at, "seq": stamp.load_seq},
        ).to_arrow_table()
        stamp.load_seq += table.num_rows
        if seen_ids is not None:
            seen_ids.update(row[0] for row in con.execute(f"select {key} from page").fetchall())
        con.unregister("page")
        counts.kept += kept.num_rows
        if kept.num_rows:
            yield kept
    con.close()


def _hash_of(columns: list[str]) -> str:
    """SQL text of a row's content: `name=value` of every column that has one, by name, so that a column that the
    source adds and leaves empty changes no hash.
    """
    parts = ", ".join(f"'{c}=' || cast({_q(c)} as varchar)" for c in sorted(columns))
    return f"concat_ws(chr(31), '', {parts})"


def _q(identifier: str | None) -> str:
    return '"' + str(identifier).replace('"', '""') + '"'
