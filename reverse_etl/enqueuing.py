"""From a plan to deliveries: which versions are new, which go on, which are superseded, which are held and why.

Decides rows; the transaction, and what was planned, are the ledger's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update

from reverse_etl import tables as t
from reverse_etl.canonical import canonical
from reverse_etl.plan import OPEN_AT_TARGET, REFUSED, Ack, Item, Plan, Standing
from reverse_etl.spec import SyncSpec, delivery_id

# Blocked items that are remembered as held deliveries; the others have a delivery already, or need none.
HELD_REASONS = ("dependency", "barrier")
NOT_SENT = ("held", "ready")


class Changes:
    """The rows to insert and to change for one plan, collected first so that each kind is one statement.

    Args:
        planned: the standings that the plan was made from; a key that moved since is left to the next plan.
        hold: reason to hold every row ('gate'), or None.
    """

    def __init__(
        self, spec: SyncSpec, plan_id: str, now: datetime, planned: Mapping[str, Standing], hold: str | None
    ) -> None:
        self._spec, self._plan_id, self._now, self._planned, self._hold = spec, plan_id, now, planned, hold
        self.insert: list[dict[str, Any]] = []
        self.go_on: list[dict[str, Any]] = []
        self.supersede: list[dict[str, Any]] = []

    def collect(self, plan: Plan, standings: Mapping[str, Standing], acks: Mapping[str, Ack]) -> None:
        """Decide every key of the plan, and every version that waits and that the plan wants no more."""
        items = {i.key: i for i in plan.of("create", "update", "delete")}
        items |= {i.key: i for i in plan.of("blocked") if i.reason in HELD_REASONS}
        left_alone = {i.key for i in plan.of("blocked") if i.reason in ("period", *REFUSED)}
        for key, standing in standings.items():
            if standing.state in (*NOT_SENT, *REFUSED) and key not in items and key not in left_alone:
                self.supersede.append({"b_id": delivery_id(self._spec, key, standing.version)})
        for item in items.values():
            self._add(item, standings.get(item.key), acks.get(item.key))

    def _add(self, item: Item, standing: Standing | None, ack: Ack | None) -> None:
        if standing != self._planned.get(item.key) or (standing and standing.state in OPEN_AT_TARGET):
            return
        row = self._columns(item, standing, ack)
        if standing is None or standing.state not in NOT_SENT:
            if standing is not None and standing.state in REFUSED:
                self.supersede.append({"b_id": delivery_id(self._spec, item.key, standing.version)})
            self._insert(row, 1 if standing is None else standing.version + 1)
        elif standing.payload_sha == item.payload_sha or _unworded(standing):
            # It goes on under its own id.
            keep = standing.state == "ready" and row["state"] == "ready"
            row["next_at"] = standing.next_at if keep else row["next_at"]
            self.go_on.append(
                {
                    "b_id": delivery_id(self._spec, item.key, standing.version),
                    **{name: row[name] for name in CHANGEABLE},
                }
            )
        else:
            self.supersede.append({"b_id": delivery_id(self._spec, item.key, standing.version)})
            self._insert(row, standing.version + 1)

    def apply(self, db: Connection) -> None:
        """Write everything."""
        if self.supersede:
            db.execute(
                update(t.delivery)
                .where(t.delivery.c.delivery_id == bindparam("b_id"))
                .values(state="superseded", held_reason=None, next_at=None, updated_at=self._now),
                self.supersede,
            )
        if self.go_on:
            db.execute(
                update(t.delivery)
                .where(t.delivery.c.delivery_id == bindparam("b_id"))
                .values({name: bindparam(name) for name in CHANGEABLE}),
                self.go_on,
            )
        if self.insert:
            db.execute(t.delivery.insert(), self.insert)

    def _insert(self, row: dict[str, Any], version: int) -> None:
        key = row["ext_key"]
        self.insert.append({**row, "delivery_id": delivery_id(self._spec, key, version), "version": version})

    def _columns(self, item: Item, standing: Standing | None, ack: Ack | None) -> dict[str, Any]:
        reason = self._hold or item.reason
        row, spec = item.row, self._spec
        op = item.action if item.action != "blocked" else ("update" if item.native_id else "create")
        return {
            "plan_id": self._plan_id, "sync_id": spec.sync_id, "target": spec.target, "object": spec.object,
            "ext_key": item.key, "op": op, "payload": canonical(item.payload), "payload_sha": item.payload_sha,
            "prev_ack_sha": ack.payload_sha if ack else None, "native_id": item.native_id,
            "state": "held" if reason else "ready", "held_reason": reason, "attempts": 0, "fence": 0,
            "next_at": standing.barrier_until if item.reason == "barrier" and standing else None,
            "depends_on": list(row.depends_on), "correlation_id": row.correlation_id or item.key,
            "business_key": row.business_key, "client": row.client, "amount": row.amount, "currency": row.currency,
            "legal_entity_code": row.legal_entity_code, "posting_date": row.posting_date,
            "created_at": self._now, "updated_at": self._now,
        }  # fmt: skip


def _unworded(standing: Standing) -> bool:
    """Whether the version waits for a reference, was never sent and so may still be worded."""
    return standing.held_reason == "dependency" and not standing.doubtful


CHANGEABLE = (
    "plan_id", "op", "payload", "payload_sha", "native_id", "state", "held_reason", "next_at", "depends_on",
    "correlation_id", "business_key", "client", "amount", "currency", "legal_entity_code", "posting_date", "updated_at",
)  # fmt: skip
