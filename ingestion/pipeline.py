"""Loads one system into raw: high-water marks, the change log, deletes, the truncation guard, and dlt.

The one place that decides destination, dataset and schema contract. A load is all or nothing for its marks: they come
from completed loads only, so whatever a killed load left behind is read again and dropped as an equal version.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from common import disk
from common.clock import Clock
from common.settings import Settings
from ingestion.changelog import META, Counts, Stamp, parse, versions
from ingestion.resource import Reader, Resource, Source
from systems.errors import Fatal
from systems.http import redact

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")

# A new column evolves the table; a changed type is refused.
SCHEMA_CONTRACT = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
NOTHING_KNOWN = pa.table({"_source_id": pa.array([], pa.string()), "_hash": pa.array([], pa.string())})


@dataclass
class LoadReport:
    """What one load of one system did. `tables`: counts by raw table."""

    system: str
    load_id: str | None
    seconds: float = 0.0
    tables: dict[str, Counts] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        """Rows that the system delivered."""
        return sum(c.read for c in self.tables.values())

    @property
    def rows_kept(self) -> int:
        """New versions, deletions included."""
        return sum(c.kept + c.deleted for c in self.tables.values())


class RawStore:
    """What ingestion asks the warehouse about earlier loads of one system. Opens and closes it for each question,
    because a DuckDB file admits one writer and dlt is about to be it.
    """

    def __init__(self, warehouse: Path, system: str, instance: str) -> None:
        self._warehouse = warehouse
        self._system = system
        self._dataset = f"raw_{system}"
        self._instance = instance

    def _ask(self, sql: str, params: list[Any] | None = None) -> pa.Table | None:
        if not self._warehouse.exists():
            return None
        con = duckdb.connect(str(self._warehouse))
        try:
            con.execute("set timezone='UTC'")
            return con.execute(sql, params or []).to_arrow_table()
        except duckdb.CatalogException:
            return None
        finally:
            con.close()

    def mark(self, table: str) -> datetime | None:
        """The latest change time among rows of completed loads; None before the first.

        A row that changed while its load was under way counts as of the load's start: what changed beside it, in a part
        that had been read already, must come with the next load. The same holds a source's clock that runs ahead.
        """
        found = self._ask(
            f"select max(least(_source_changed_at, _seen_at)) as mark from {self._dataset}.{table} as r "
            "where _instance = $1 and _source_changed_at is not null "
            f"and r._dlt_load_id in (select load_id from {self._dataset}._dlt_loads where status = 0)",
            [self._instance],
        )
        return None if found is None else found["mark"][0].as_py()

    def latest(self, table: str, since: datetime | None) -> pa.Table:
        """(`_source_id`, `_hash`) of the latest version of every key, or of those changed at or after `since`."""
        found = self._ask(
            f"""
            select _source_id, arg_max(_hash, _load_seq) as _hash
            from {self._dataset}.{table}
            where _instance = $2
            group by _source_id
            having $1::timestamptz is null or max(coalesce(_source_changed_at, _seen_at)) >= $1::timestamptz
            """,
            [since, self._instance],
        )
        return NOTHING_KNOWN if found is None else found

    def live_ids(self, table: str) -> set[str]:
        """Keys whose latest version is not a deletion."""
        return self._ids(table, "not arg_max(_is_deleted, _load_seq)")

    def standing_ids(self, table: str) -> set[str]:
        """Keys that are not gone by a sweep's finding: live ones, and those that the source itself marks as deleted."""
        return self._ids(table, "not arg_max(_is_deleted and _source_changed_at is null, _load_seq)")

    def _ids(self, table: str, having: str) -> set[str]:
        found = self._ask(
            f"select _source_id from {self._dataset}.{table} where _instance = $1 group by _source_id having {having}",
            [self._instance],
        )
        return set() if found is None else set(found["_source_id"].to_pylist())

    def last_rows(self, table: str, ids: set[str]) -> pa.Table:
        """The latest version of the given keys that the gate let in, whole. A key without one is not in the answer:
        nobody has ever believed it, so nobody need be told that it is gone.
        """
        held = self._ask(
            "select 1 from information_schema.tables where table_schema='quality' and table_name='quarantine'"
        )
        believed = (
            f"and not exists (select 1 from quality.quarantine as q where q.system = '{self._system}' "
            f"and q.table_name = '{table}' and q.instance = r._instance and q.source_id = r._source_id "
            "and q.record_hash = r._hash)"
            if held is not None and held.num_rows
            else ""
        )
        found = self._ask(
            f"""
            select * exclude (_rank, _dlt_load_id)
            from (
                select *, row_number() over (partition by _source_id order by _load_seq desc) as _rank
                from {self._dataset}.{table} as r
                where _instance = $2 and _source_id in (select unnest($1::varchar[])) {believed}
            )
            where _rank = 1
            """,
            [sorted(ids), self._instance],
        )
        if found is None:
            raise LookupError(f"{self._dataset}.{table} is not there")
        return found

    def next_seq(self, tables: list[str]) -> int:
        """A number above every `_load_seq` given so far."""
        top = 0
        for table in tables:
            found = self._ask(f"select coalesce(max(_load_seq), 0) as top from {self._dataset}.{table}")
            if found is not None:
                top = max(top, found["top"][0].as_py())
        return top


def load(
    source: Source,
    config: Settings,
    clock: Clock,
    *,
    reader: Reader | None = None,
    tables: set[str] | None = None,
) -> LoadReport:
    """Read what changed in one system and append it to raw.

    Args:
        reader: the system's client; None connects as the environment says.
        tables: load only these raw tables; None loads all.

    Raises:
        Fatal: credentials, an unreachable system, a broken page, a type that flipped, a snapshot that shrank, a full
            disk. Nothing of the load counts, and the next run goes on from the last completed one.
    """
    try:
        return _load(source, config, clock, reader or source.connect(), tables)
    except Exception as error:
        if isinstance(error, Fatal) or not disk.is_full(error, config.home):
            raise
        raise _full(source.system, config) from error


def _load(source: Source, config: Settings, clock: Clock, client: Reader, tables: set[str] | None) -> LoadReport:
    started = time.perf_counter()
    store = RawStore(config.warehouse, source.system, client.instance)
    wanted = [r for r in source.resources if tables is None or r.table in tables]
    stamp = Stamp(source.system, client.instance, clock.now(), store.next_seq([r.table for r in source.resources]))
    report = LoadReport(source.system, None, tables={r.table: Counts() for r in wanted})
    read = _Read(source.system, client, store, stamp, config)
    report.load_id = _run_dlt(source.system, config, {r: read.versions_of(r, report.tables[r.table]) for r in wanted})
    report.seconds = time.perf_counter() - started
    return report


@dataclass
class _Read:
    """One load's reading of one system."""

    system: str
    client: Reader
    store: RawStore
    stamp: Stamp
    config: Settings

    def versions_of(self, resource: Resource, counts: Counts) -> Iterator[pa.Table]:
        """The new versions of one resource, deletions last. The first table yielded is empty and carries the schema,
        so that a resource without rows has its table all the same.
        """
        yield _empty(resource)
        if resource.mode == "snapshot":
            yield from self._snapshot(resource, counts)
        else:
            yield from self._cursor(resource, counts)

    def _cursor(self, resource: Resource, counts: Counts) -> Iterator[pa.Table]:
        mark = self.store.mark(resource.table)
        since = None if mark is None else mark - timedelta(minutes=self.config.cursor_overlap_minutes)
        known = self.store.latest(resource.table, since)
        seen: set[str] | None = set() if resource.deletes == "sweep" else None
        pages = self.client.read(resource.object, since, list(resource.schema.names))
        yield from versions(parse(pages, resource, self.system), resource, self.stamp, known, counts, seen)
        if seen is not None:
            exist = {i for page in self.client.read_ids(resource.object) for i in page}
            yield from self._tombstones(resource, self.store.live_ids(resource.table), exist, counts)
            yield from self._recovered(resource, exist - self.store.standing_ids(resource.table) - seen, counts)

    def _recovered(self, resource: Resource, missed: set[str], counts: Counts) -> Iterator[pa.Table]:
        """Rows that exist at the source and not in raw: committed later than the overlap reaches, or hidden for a while.
        The cursor will not bring them, so the resource is read whole once.
        """
        if not missed:
            return
        pages = self.client.read(resource.object, None, list(resource.schema.names))
        whole = Counts()
        tables = versions(
            parse(pages, resource, self.system), resource, self.stamp, self.store.latest(resource.table, None), whole
        )
        wanted = pa.array(sorted(missed), pa.string())
        for table in tables:
            found = table.filter(pc.is_in(table["_source_id"], value_set=wanted))
            if found.num_rows:
                counts.kept += found.num_rows
                yield found

    def _snapshot(self, resource: Resource, counts: Counts) -> Iterator[pa.Table]:
        before = self.store.live_ids(resource.table)
        known = self.store.latest(resource.table, None)
        seen: set[str] = set()
        pages = self.client.read(resource.object, None, list(resource.schema.names))
        # Held back until the whole snapshot is there: a truncated one must leave nothing behind.
        kept = list(versions(parse(pages, resource, self.system), resource, self.stamp, known, counts, seen))
        self._refuse_shrinking(resource, len(before), len(before - seen))
        yield from kept
        if resource.deletes == "absence":
            yield from self._tombstones(resource, before, seen, counts)

    def _tombstones(self, resource: Resource, live: set[str], present: set[str], counts: Counts) -> Iterator[pa.Table]:
        """One deletion version for each key that is gone: its last payload, seen as deleted now. It has no change time
        of the source's, so it moves no mark.
        """
        gone = live - present
        if not gone:
            return
        self._refuse_shrinking(resource, len(live), len(gone))
        last = self.store.last_rows(resource.table, gone)
        if not last.num_rows:
            return
        con = duckdb.connect()
        con.execute("set timezone='UTC'")
        con.register("last_rows", last)
        counts.deleted += last.num_rows
        yield con.execute(
            """
            select * replace (
                $seen_at::timestamptz as _seen_at, null::timestamptz as _source_changed_at, true as _is_deleted,
                md5(_hash || '#deleted') as _hash, $seq + row_number() over () as _load_seq
            )
            from last_rows
            """,
            {"seen_at": self.stamp.seen_at, "seq": self.stamp.load_seq},
        ).to_arrow_table()
        self.stamp.load_seq += last.num_rows

    def _refuse_shrinking(self, resource: Resource, before: int, missing: int) -> None:
        share = self.config.max_shrink_share
        if before and missing > before * share:
            raise Fatal(
                self.system,
                f"{resource.table}: {missing} of {before} rows are missing, more than the {share:.0%} that may vanish "
                "between two loads. Nothing was loaded. Check the system (filters, permissions, a half answer); if the "
                "rows are really gone, run once with THROUGHLINE_MAX_SHRINK_SHARE=1.",
            )


def _empty(resource: Resource) -> pa.Table:
    return pa.schema([*resource.schema, *META]).empty_table()


def _run_dlt(system: str, config: Settings, streams: dict[Resource, Iterator[pa.Table]]) -> str | None:
    """Hand the streams to dlt and load them. Returns the load id.

    dlt is imported here, so that a command that loads nothing starts without it.
    """
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    os.environ["SCHEMA__NAMING"] = "direct"
    # dlt warns about every nullable key column of an Arrow table; the columns are as declared. What it logs as an
    # error it raises as well, and here that becomes one sentence.
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    os.environ["NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID"] = "true"
    os.environ["NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID"] = "false"
    config.warehouse.parent.mkdir(parents=True, exist_ok=True)
    pipeline = dlt.pipeline(
        pipeline_name=f"throughline_{system}",
        pipelines_dir=str(config.home / "dlt"),
        destination=dlt.destinations.duckdb(str(config.warehouse)),
        dataset_name=f"raw_{system}",
    )
    if pipeline.has_pending_data:
        # Left by a load that died. Its rows are read again from the last completed mark.
        pipeline.abort_packages()
    resources = [
        dlt.resource(  # type: ignore[call-overload]
            stream,
            name=r.table,
            write_disposition="append",
            primary_key=("_instance", "_source_id", "_load_seq"),
            schema_contract=SCHEMA_CONTRACT,
        )
        for r, stream in streams.items()
    ]
    try:
        info = pipeline.run(resources, loader_file_format="parquet")
    except PipelineStepFailed as failed:
        # Where the disk is full this fails too; then the next load does it before it reads.
        with suppress(Exception):
            pipeline.abort_packages()
        raise _cause(system, config, failed) from failed
    return info.loads_ids[0] if info.loads_ids else None


def _cause(system: str, config: Settings, failed: BaseException) -> BaseException:
    """The error of ours inside dlt's wrapping, or one clear sentence about what dlt could not do."""
    error: BaseException | None = failed
    chain: list[BaseException] = []
    while error is not None and len(chain) < 20:
        if isinstance(error, Fatal):
            return error
        chain.append(error)
        error = error.__cause__ or error.__context__
    root = chain[-1]
    if disk.is_full(failed, config.home):
        return _full(system, config)
    return Fatal(
        system,
        f"the load failed ({type(root).__name__}: {redact(str(root), 300)}). Nothing of it counts; the next run goes on from "
        "the last completed load.",
    )


def _full(system: str, config: Settings) -> Fatal:
    return Fatal(
        system,
        f"the disk is full ({config.home}); nothing of this load counts. Free some space and run again: it goes on from "
        "the last completed load.",
    )
