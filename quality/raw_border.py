"""The raw border: which of the versions that arrived are let in, and which are quarantined with their reason.

Quarantine holds versions, not records: a record whose latest version is bad is still shown as its last good version
says, and a repaired record is let in again. What is in quarantine is a function of raw and of the rules, so a run that
is repeated changes nothing: quarantined versions are judged again each time (a time entry may arrive before its
project), and all versions are when a rule has changed.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from quality import verdict as verdicts
from quality.engine import Finding, judge
from quality.rules import RawSuite, Rule
from quality.verdict import GateError, Verdict, digest, ensure_tables, naive_utc, opened

KEY = ("_instance", "_source_id", "_hash")


@dataclass(frozen=True)
class TableReport:
    """Distinct versions of one raw table that arrived since the last check: `rows_in = accepted + quarantined`."""

    table: str
    rows_in: int
    accepted: int
    quarantined: int


@dataclass(frozen=True)
class RawReport:
    """What the raw border did in one check of one system.

    Args:
        quarantined: rule -> versions that arrived and broke it; a version that breaks two is counted under both.
        released: versions that were in quarantine and now pass.
        still_held: records whose latest version is in quarantine: what is excluded from KPIs.
    """

    system: str
    tables: tuple[TableReport, ...]
    quarantined: dict[str, int]
    released: int
    still_held: int
    verdict: Verdict = field(default_factory=lambda: Verdict(True))

    @property
    def rows_in(self) -> int:
        """Distinct versions that arrived."""
        return sum(t.rows_in for t in self.tables)

    @property
    def accepted(self) -> int:
        """Of them, those let in."""
        return sum(t.accepted for t in self.tables)

    @property
    def quarantined_rows(self) -> int:
        """Of them, those held back: `rows_in = accepted + quarantined_rows`."""
        return sum(t.quarantined for t in self.tables)


@dataclass(frozen=True)
class _Arrival:
    """One table's versions to judge, in the temporary table `name`: new ones, and those in quarantine."""

    table: str
    name: str
    rules: tuple[Rule, ...]
    after_seq: int
    through_seq: int
    rows_in: int

    @property
    def fingerprint(self) -> str:
        return digest([repr(rule) for rule in self.rules])


def run_raw(
    warehouse: Path | duckdb.DuckDBPyConnection, system: str, now: datetime, suite: RawSuite | None = None
) -> RawReport:
    """Judge what arrived from one system since the last check; write the failing versions to `quality.quarantine`.

    Args:
        warehouse: the file, or an open connection outside any transaction.
        now: from the injected clock.
        suite: None takes the system's own, `quality/suites/raw/<system>.py`.

    Raises:
        GateError: a raw table or a column is missing, a rule could not be judged, or rows in are not rows accepted
            plus rows quarantined. The verdict is kept, nothing of the check is, and dbt must not run.
    """
    rules = suite or importlib.import_module(f"quality.suites.raw.{system}").SUITE
    with opened(warehouse) as connection:
        ensure_tables(connection)
        arrivals: list[_Arrival] = []
        try:
            arrivals += (_arrived(connection, rules.system, table, wanted) for table, wanted in rules.tables.items())
            # Nothing arrived and no rule changed: quarantine, a function of both, stays as it is.
            judged = arrivals if any(a.rows_in for a in arrivals) else []
            findings = {a.table: _judged(connection, a, rules.system) for a in judged}
            connection.execute("begin")
            try:
                report = _write(connection, rules.system, arrivals, findings, now)
                verdicts.store(connection, report.verdict, now)
                connection.execute("commit")
            except BaseException:
                connection.execute("rollback")
                raise
        except (GateError, duckdb.Error) as error:
            red = _red(rules.system, arrivals, error)
            verdicts.store(connection, red, now)
            raise GateError(red.failures[0], red) from error
        finally:
            for arrival in arrivals:
                connection.execute(f"drop table if exists {arrival.name}")
    return report


def _arrived(connection: duckdb.DuckDBPyConnection, system: str, table: str, rules: tuple[Rule, ...]) -> _Arrival:
    """Find the versions to judge: one row each, the latest copy where the cursor's overlap brought several."""
    raw = f"raw_{system}.{table}"
    name = f"arrived_{system}_{table}"
    wanted = _Arrival(table, name, rules, 0, 0, 0).fingerprint
    if not _one(
        connection,
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [f"raw_{system}", table],
    ):
        raise GateError(
            f"{system}: the raw table {raw} is missing; load the system first (ingestion/sources/{system}.py)"
        )
    after = _one(
        connection,
        "select coalesce(max(through_seq), 0) from quality.arrival where system = ? and table_name = ? and rules = ?",
        [system, table, wanted],
    )
    connection.execute(
        f"""
        create or replace temp table {name} as
        select _instance, _source_id, _hash, max(_load_seq) as _load_seq, max(_load_seq) > {after} as _is_new
        from {raw} as r
        where _load_seq > {after} or exists (
            select 1
            from quality.quarantine as q
            where q.system = '{system}' and q.table_name = '{table}'
                and q.instance = r._instance and q.source_id = r._source_id and q.record_hash = r._hash
        )
        group by all
        """
    )
    through = _one(connection, f"select coalesce(max(_load_seq), {after}) from {name} where _is_new")
    arrived = _one(connection, f"select count(*) from {name} where _is_new")
    return _Arrival(table, name, rules, after, through, arrived)


def _judged(connection: duckdb.DuckDBPyConnection, arrival: _Arrival, system: str) -> list[Finding]:
    """The findings on one table; a tombstone is never judged, because a deletion must not be held back."""
    if not _one(connection, f"select count(*) from {arrival.name}"):
        return []
    findings = judge(connection, _batch_query(arrival, system), arrival.rules, KEY)
    for finding in findings:
        if finding.error is not None:
            raise GateError(
                f"{system}: rule {finding.rule.name} on raw_{system}.{arrival.table} could not be judged "
                f"({finding.error}). Nothing was let in; repair the rule or the load and run again."
            )
    return findings


def _batch_query(arrival: _Arrival, system: str) -> str:
    return (
        f"select r.* from raw_{system}.{arrival.table} as r "
        f"where r._load_seq in (select a._load_seq from {arrival.name} as a) and not r._is_deleted"
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    system: str,
    arrivals: Sequence[_Arrival],
    findings: dict[str, list[Finding]],
    now: datetime,
) -> RawReport:
    at = naive_utc(now)
    tables: list[TableReport] = []
    by_rule: dict[str, int] = {}
    released = 0
    for arrival in arrivals:
        if arrival.table in findings:
            released += _quarantine(connection, system, arrival, findings[arrival.table], at)
        tables.append(_conserved(connection, system, arrival))
        held = connection.execute(
            f"select q.rule, count(*) from quality.quarantine as q {_IS_ARRIVED.format(name=arrival.name)} "
            "and q.system = ? and q.table_name = ? group by q.rule",
            [system, arrival.table],
        ).fetchall()
        for rule, count in held:
            by_rule[rule] = by_rule.get(rule, 0) + count
        report = tables[-1]
        if report.rows_in:
            connection.execute(
                "insert into quality.arrival values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [system, arrival.table, arrival.fingerprint, arrival.after_seq, arrival.through_seq,
                 report.rows_in, report.accepted, report.quarantined, at],
            )  # fmt: skip
        _resolve(connection, system, arrival.table, at)
    still_held = _one(
        connection,
        "select count(distinct (table_name, instance, source_id, record_hash)) from quality.quarantine "
        "where system = ? and resolved_at is null",
        [system],
    )
    evidence = {
        "border": "raw",
        "suite": system,
        "batch": _batch(arrivals),
        "tables": [asdict(t) for t in tables],
        "by_rule": by_rule,
        "released": released,
        "still_held": still_held,
    }
    return RawReport(system, tuple(tables), by_rule, released, still_held, Verdict(True, (), evidence))


# Versions of quarantine `q` that are new in an arrival.
_IS_ARRIVED = """
    where exists (
        select 1 from {name} as a
        where a._is_new and a._instance = q.instance and a._source_id = q.source_id and a._hash = q.record_hash
    )
"""


def _quarantine(
    connection: duckdb.DuckDBPyConnection, system: str, arrival: _Arrival, findings: Sequence[Finding], at: datetime
) -> int:
    """Replace what quarantine says about the judged versions. Returns how many of them are let in after all.

    Money is written beside the first rule that a version breaks and nowhere else, so that a sum counts it once.
    """
    name = f"found_{arrival.name}"
    connection.execute(
        f"""
        create or replace temp table {name} (
            instance varchar, source_id varchar, record_hash varchar, rule varchar, reason varchar, position integer,
            amount decimal(18, 4), currency varchar, load_id varchar
        )
        """
    )
    for position, finding in enumerate(findings):
        if not finding.failed:
            continue
        rule = finding.rule
        connection.execute(
            f"""
            insert into {name}
            with failing as (select distinct _instance, _source_id, _hash from ({finding.rows_query}) as f)
            select
                b._instance, b._source_id, b._hash, $rule, $reason, $position,
                cast({rule.amount or "null"} as decimal(18, 4)), cast({rule.currency or "null"} as varchar),
                b._dlt_load_id
            from ({_batch_query(arrival, system)}) as b
            where exists (
                select 1 from failing as f
                where f._instance is not distinct from b._instance
                    and f._source_id is not distinct from b._source_id and f._hash is not distinct from b._hash
            )
            """,
            {"rule": rule.name, "reason": rule.reason, "position": position},
        )
    held = "q.system = ? and q.table_name = ?"
    judged = (
        f"exists (select 1 from {arrival.name} as a where a._instance = q.instance and a._source_id = q.source_id "
        "and a._hash = q.record_hash)"
    )
    before = _one(
        connection,
        f"select count(distinct (q.instance, q.source_id, q.record_hash)) from quality.quarantine as q "
        f"where {held} and {judged} and not exists (select 1 from {name} as f where f.instance = q.instance "
        "and f.source_id = q.source_id and f.record_hash = q.record_hash)",
        [system, arrival.table],
    )
    connection.execute(
        f"""
        create or replace temp table first_seen as
        select q.instance, q.source_id, q.record_hash, q.rule, q.detected_at, q.resolved_at
        from quality.quarantine as q
        where {held} and {judged}
        """,
        [system, arrival.table],
    )
    connection.execute(f"delete from quality.quarantine as q where {held} and {judged}", [system, arrival.table])
    connection.execute(
        f"""
        insert into quality.quarantine
        select
            $system, $table, f.instance, f.source_id, f.record_hash, f.rule, f.reason,
            case when f.position = min(f.position) over version then f.amount end,
            case when f.position = min(f.position) over version then f.currency end,
            coalesce(s.detected_at, $at), f.load_id, s.resolved_at
        from {name} as f
        left join first_seen as s
            on s.instance = f.instance and s.source_id = f.source_id and s.record_hash = f.record_hash
            and s.rule = f.rule
        window version as (partition by f.instance, f.source_id, f.record_hash)
        """,
        {"system": system, "table": arrival.table, "at": at},
    )
    connection.execute(f"drop table {name}")
    connection.execute("drop table first_seen")
    return before


def _conserved(connection: duckdb.DuckDBPyConnection, system: str, arrival: _Arrival) -> TableReport:
    """Count what staging will see of the arrivals, and what it will not; together they must be what came in."""
    same = (
        f"q.system = '{system}' and q.table_name = '{arrival.table}' and q.instance = r._instance "
        "and q.source_id = r._source_id and q.record_hash = r._hash"
    )
    rows_in = _one(
        connection,
        f"select count(*) from (select distinct _instance, _source_id, _hash from raw_{system}.{arrival.table} "
        f"where _load_seq > {arrival.after_seq}) as r",
    )
    accepted = _one(
        connection,
        f"select count(*) from {arrival.name} as r "
        f"where r._is_new and not exists (select 1 from quality.quarantine as q where {same})",
    )
    quarantined = _one(
        connection,
        f"select count(distinct (q.instance, q.source_id, q.record_hash)) from quality.quarantine as q "
        f"{_IS_ARRIVED.format(name=arrival.name)} and q.system = '{system}' and q.table_name = '{arrival.table}'",
    )
    unnamed = _one(
        connection,
        f"select count(*) from {arrival.name} as r "
        "where r._instance is null or r._source_id is null or r._hash is null",
    )
    if rows_in != accepted + quarantined or unnamed:
        raise GateError(
            f"{system}: raw_{system}.{arrival.table}: {rows_in} rows came in but {accepted} were accepted and "
            f"{quarantined} quarantined ({unnamed} without instance, id or hash, which quarantine can't name). "
            "Nothing was let in; look for a source row without a key."
        )
    return TableReport(arrival.table, rows_in, accepted, quarantined)


def _resolve(connection: duckdb.DuckDBPyConnection, system: str, table: str, at: datetime) -> None:
    """Mark the quarantined versions that are no longer their record's latest: a later one is judged by itself."""
    connection.execute(
        f"""
        update quality.quarantine as q
        set resolved_at = case when r.latest_hash = q.record_hash then null else coalesce(q.resolved_at, $at) end
        from (
            select _instance, _source_id, arg_max(_hash, _load_seq) as latest_hash
            from raw_{system}.{table}
            where _source_id in (
                select source_id from quality.quarantine where system = $system and table_name = $table
            )
            group by all
        ) as r
        where q.system = $system and q.table_name = $table
            and q.instance = r._instance and q.source_id = r._source_id
        """,
        {"at": at, "system": system, "table": table},
    )


def _red(system: str, arrivals: Sequence[_Arrival], error: BaseException) -> Verdict:
    text = str(error) if isinstance(error, GateError) else f"{system}: the raw border could not be checked ({error})"
    evidence = {"border": "raw", "suite": system, "batch": _batch(arrivals), "tables": []}
    return Verdict(False, (text,), evidence)


def _batch(arrivals: Sequence[_Arrival]) -> str:
    """The name of the versions that were judged: from which to which, by table."""
    return digest([(a.table, a.after_seq, a.through_seq, a.fingerprint) for a in arrivals])


def _one(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[str] | None = None) -> int:
    row = connection.execute(sql, parameters or []).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
