"""Keeps what targets confirmed: acknowledgements and native ids. Statements inside a transaction of the ledger's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from reverse_etl import tables as t
from reverse_etl.reading import chunks
from reverse_etl.spec import SyncSpec
from reverse_etl.store import Store


@dataclass(frozen=True)
class Confirmed:
    """A row that the target has. `payload` is canonical JSON; `delivery` is None where nothing was sent."""

    key: str
    native_id: str
    payload: str
    payload_sha: str
    modstamp: str | None = None
    delivery: str | None = None


def acknowledge(
    store: Store,
    db: Connection,
    spec: SyncSpec,
    confirmed: Sequence[Confirmed],
    verified_by: str,
    now: datetime,
) -> None:
    """Keep what the target confirmed, and the native ids that it gave.

    Args:
        verified_by: answer, readback or recon.
    """
    if not confirmed:
        return
    db.execute(
        store.upsert(
            t.ack, ("native_id", "payload_sha", "fields", "target_modstamp", "acked_at", "verified_by")
        ),
        [
            {
                "target": spec.target, "object": spec.object, "ext_key": one.key, "native_id": one.native_id,
                "payload_sha": one.payload_sha, "fields": one.payload, "target_modstamp": one.modstamp,
                "acked_at": now, "verified_by": verified_by,
            }
            for one in confirmed
        ],
    )  # fmt: skip
    cross_reference(store, db, spec, [(one.key, one.native_id, one.delivery) for one in confirmed], now)


def cross_reference(
    store: Store, db: Connection, spec: SyncSpec, found: Sequence[tuple[str, str, str | None]], now: datetime
) -> None:
    """Keep native ids: (key, native id, the delivery that made it or None)."""
    db.execute(
        store.upsert(t.xref, ("native_id", "status", "source_delivery")),
        [
            {
                "entity": spec.entity, "system": spec.target, "instance": spec.instance, "ext_key": key,
                "native_id": native_id, "status": "active", "valid_from": now, "source_delivery": source,
            }
            for key, native_id, source in found
        ],
    )  # fmt: skip


def forget(db: Connection, spec: SyncSpec, keys: Sequence[str]) -> None:
    """The target has the keys no more."""
    for chunk in chunks(keys):
        db.execute(
            t.ack.delete().where(
                t.ack.c.target == spec.target, t.ack.c.object == spec.object, t.ack.c.ext_key.in_(chunk)
            )
        )
        db.execute(
            update(t.xref)
            .where(
                t.xref.c.entity == spec.entity,
                t.xref.c.system == spec.target,
                t.xref.c.ext_key.in_(chunk),
            )
            .values(status="deleted")
        )
