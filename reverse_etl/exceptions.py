"""The list of what waits for a person: opened when a row or a plan can't go on by itself, closed when it does.

Kept by set statements over the ledger, so that it can be recomputed at any time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, exists, select, update

from common.clock import Clock
from reverse_etl import tables as t
from reverse_etl.spec import SyncSpec
from reverse_etl.store import Store

# States of a delivery in which only a person, or another payload, gets it further.
STUCK = ("rejected", "parked", "dead")

_NAMESPACE = uuid.UUID("0f7c53f6-6b8c-5b39-8b85-6d2a2a5f2b0e")


def open_exceptions(store: Store, clock: Clock, spec: SyncSpec, plan_id: str, refusals: Sequence[str]) -> None:
    """Bring the list in line with one sync's deliveries and with what the guard said of its newest plan."""
    now = clock.now()
    e, d = t.exception.c, t.delivery.c
    with store.writing() as db:
        stuck = select(d.delivery_id).where(d.sync_id == spec.sync_id, d.state.in_(STUCK))
        db.execute(
            update(t.exception)
            .where(e.sync_id == spec.sync_id, e.resolution.is_(None))
            .where(e.delivery_id.is_not(None), e.delivery_id.not_in(stuck))
            .values(resolution="cleared", resolved_at=now, resolved_by="engine")
        )
        known = exists().where(e.delivery_id == d.delivery_id, e.resolution.is_(None))
        found = db.execute(select(t.delivery).where(d.sync_id == spec.sync_id, d.state.in_(STUCK), ~known)).mappings()
        rows = [
            {
                "id": uuid.uuid4().hex, "delivery_id": row["delivery_id"], "sync_id": spec.sync_id,
                "class": row["state"], "owner_role": spec.owner_role, "impact_amount": row["amount"],
                "currency": row["currency"], "client": row["client"], "business_key": row["business_key"],
                "opened_at": now, "sla_at": now + timedelta(hours=spec.sla_hours),
                "note": f"{spec.target} {spec.object} {row['ext_key']}: {row['error_text'] or row['state']}",
            }
            for row in found
        ]  # fmt: skip
        if rows:
            db.execute(t.exception.insert(), rows)
        _refused_plan(db, spec, plan_id, refusals, clock)


def _refused_plan(db: Connection, spec: SyncSpec, plan_id: str, refusals: Sequence[str], clock: Clock) -> None:
    e, now = t.exception.c, clock.now()
    is_open = (e.sync_id == spec.sync_id) & (e["class"] == "refused_plan") & e.resolution.is_(None)
    if not refusals:
        db.execute(
            update(t.exception).where(is_open).values(resolution="cleared", resolved_at=now, resolved_by="engine")
        )
        return
    if db.execute(select(e.id).where(is_open)).first():
        return
    row: dict[str, Any] = {
        "id": uuid.uuid5(_NAMESPACE, plan_id).hex, "sync_id": spec.sync_id, "class": "refused_plan",
        "owner_role": "data_steward", "opened_at": now, "sla_at": now + timedelta(hours=spec.sla_hours),
        "note": "; ".join(refusals),
    }  # fmt: skip
    db.execute(t.exception.insert(), row)
