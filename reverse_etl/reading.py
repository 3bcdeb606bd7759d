"""What the ledger knows, as the planner needs it: read-only queries inside a transaction that the caller holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, tuple_

from reverse_etl import tables as t
from reverse_etl.plan import Ack, Reference, Standing
from reverse_etl.spec import SyncSpec

_CHUNK = 400


def acks(db: Connection, spec: SyncSpec) -> dict[str, Ack]:
    """What the target last confirmed, by key."""
    a = t.ack.c
    rows = db.execute(
        select(a.ext_key, a.native_id, a.payload_sha).where(a.target == spec.target, a.object == spec.object)
    )
    return {row.ext_key: Ack(row.native_id, row.payload_sha) for row in rows}


def native_ids(db: Connection, wanted: set[tuple[str, str]], instance: str) -> dict[Reference, str]:
    """The native ids of all things of these (entity, system) pairs."""
    x = t.xref.c
    rows = db.execute(
        select(x.entity, x.system, x.ext_key, x.native_id).where(
            tuple_(x.entity, x.system).in_(sorted(wanted)), x.instance == instance, x.status == "active"
        )
    )
    return {(row.entity, row.system, row.ext_key): row.native_id for row in rows}


def acknowledged(db: Connection, wanted: set[tuple[str, ...]]) -> frozenset[str]:
    """The acknowledged rows of these (target, object) pairs, as '<target>/<object>/<key>'."""
    if not wanted:
        return frozenset()
    a = t.ack.c
    rows = db.execute(select(a.target, a.object, a.ext_key).where(tuple_(a.target, a.object).in_(sorted(wanted))))
    return frozenset(f"{row.target}/{row.object}/{row.ext_key}" for row in rows)


def newest(spec: SyncSpec, *, lock: bool = False) -> Any:
    """The newest delivery of each key of a sync."""
    d, newest = t.delivery.c, t.delivery.alias("newest").c
    top = (
        select(newest.ext_key, func.max(newest.version).label("version"))
        .where(newest.target == spec.target, newest.object == spec.object)
        .group_by(newest.ext_key)
        .subquery()
    )
    statement = (
        select(d.ext_key, d.version, d.state, d.payload_sha, d.held_reason, d.next_at, d.op, d.error_text)
        .join(top, and_(top.c.ext_key == d.ext_key, top.c.version == d.version))
        .where(d.target == spec.target, d.object == spec.object)
    )
    return statement.with_for_update(of=t.delivery) if lock else statement


def standings(db: Connection, spec: SyncSpec, *, lock: bool = False) -> dict[str, Standing]:
    """Where each key's newest delivery stands, with what older versions may still do."""
    standings = {
        r.ext_key: Standing(r.version, r.state, r.payload_sha, r.held_reason, r.next_at)
        for r in db.execute(newest(spec, lock=lock))
    }
    d = t.delivery.c
    mine = and_(d.target == spec.target, d.object == spec.object)
    doubted = db.execute(select(d.ext_key, d.version, d.barrier_until).where(mine, d.barrier_until.is_not(None))).all()
    if not doubted:
        return standings
    acked: Counter[str] = Counter()
    for chunk in chunks(sorted({r.ext_key for r in doubted})):
        rows = db.execute(
            select(d.ext_key, func.max(d.version).label("version"))
            .where(mine, d.state == "acked", d.ext_key.in_(chunk))
            .group_by(d.ext_key)
        )
        acked.update({r.ext_key: r.version for r in rows})
    for row in doubted:
        was = standings[row.ext_key]
        standings[row.ext_key] = replace(
            was,
            doubtful=was.doubtful or row.version > acked[row.ext_key],
            barrier_until=_later(was.barrier_until, row.barrier_until),
            older_barrier_until=_later(
                was.older_barrier_until, row.barrier_until if row.version < was.version else None
            ),
        )
    return standings


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def chunks(items: Sequence[str]) -> Iterable[list[str]]:
    """Parts small enough for one IN list."""
    for start in range(0, len(items), _CHUNK):
        yield list(items[start : start + _CHUNK])
