"""What an outcome does to a delivery: its state, its error, when it goes on. Pure; the transactions are the ledger's.

The state machine, in one place:

in_flight -> acked | rejected | held (period) | ready (throttled, nothing was executed) | in_doubt | dead
in_doubt  -> in_flight again (upsert, keyed) | acked, ready or rejected by reading back (findable) | parked (blind)
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update

from reverse_etl import tables as t
from reverse_etl.spec import (
    Acked,
    BatchRefused,
    Capability,
    Found,
    Operation,
    Outcome,
    PeriodShut,
    RejectedRow,
    SyncSpec,
    Throttled,
)
from systems.http import redact

# A pause that a target asks for is waited out within the run up to this long; a longer one is kept on the row.
PATIENCE_SECONDS = 30.0
# A posting that the ERP refused because its period is closed is offered again after this time.
PERIOD_RECHECK = timedelta(hours=24)
# Sends of one version that may end in doubt before a person looks at it.
MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class Claimed:
    """A row that is in flight in our name. `fence` proves it: whoever takes the row over raises it."""

    operation: Operation
    attempt_id: str
    fence: int
    claimed_at: datetime


@dataclass(frozen=True)
class State:
    """Where the newest delivery of a key stands."""

    state: str
    held_reason: str | None
    op: str
    payload_sha: str
    version: int
    error_text: str | None


@dataclass(frozen=True)
class InDoubt:
    """A row that must be settled by reading the target."""

    delivery_id: str
    key: str
    op: str
    payload: dict[str, Any]
    payload_sha: str
    fence: int


def after(
    spec: SyncSpec, claimed: Claimed, outcome: Outcome, row: Any, now: datetime, settle_seconds: float
) -> dict[str, Any]:
    """The delivery's columns after an outcome: parameters of `TRANSITION`.

    Args:
        row: the delivery as it is: attempts, barrier_until.
        settle_seconds: the target's settle time.
    """
    columns: dict[str, Any] = {
        "b_id": claimed.operation.delivery_id, "held_reason": None, "error_class": None, "error_code": None,
        "error_field": None, "error_text": None, "attempts": row.attempts, "next_at": None,
        "barrier_until": row.barrier_until, "native_id": claimed.operation.native_id, "updated_at": now,
    }  # fmt: skip
    if not isinstance(outcome, Acked):
        columns |= {"error_text": redact(outcome.text), "error_code": getattr(outcome, "code", None)}
    if isinstance(outcome, Acked):
        columns |= {"state": "acked", "native_id": outcome.native_id}
    elif isinstance(outcome, RejectedRow):
        columns |= {"state": "rejected", "error_class": "rejected", "error_field": outcome.field}
    elif isinstance(outcome, PeriodShut):
        columns |= {
            "state": "held",
            "held_reason": "period",
            "error_class": "period",
            "next_at": now + PERIOD_RECHECK,
        }
    elif isinstance(outcome, (Throttled, BatchRefused)):
        # Nothing was executed, so the try does not count.
        wait = outcome.after if isinstance(outcome, Throttled) else 0.0
        columns |= {"state": "ready", "error_class": "throttled", "attempts": row.attempts - 1}
        columns["next_at"] = now + timedelta(seconds=wait) if wait > PATIENCE_SECONDS else None
    else:
        until = now + timedelta(seconds=settle_seconds)
        until = max(until, row.barrier_until or until)
        columns |= {"state": "in_doubt", "error_class": "doubt", "barrier_until": until}
        if spec.capability is Capability.FINDABLE:
            columns["next_at"] = until
        elif row.attempts >= MAX_ATTEMPTS and spec.capability is not Capability.BLIND:
            columns["state"] = "dead"
    return columns


def settled(row: InDoubt, found: Found | None, shown: bool) -> dict[str, Any]:
    """The delivery's columns after a look at the target."""
    if shown:
        done: dict[str, Any] = {"state": "acked", "error_class": None, "error_text": None}
        return done | ({"native_id": found.native_id} if found else {})
    if found:
        return {
            "state": "ready",
            "op": row.op if row.op == "delete" else "update",
            "native_id": found.native_id,
        }
    if row.op == "create":
        return {"state": "ready"}
    # Made again without a person's word it could become a second one.
    text = "the target has this row no more; find out who deleted or merged it"
    return {"state": "rejected", "error_class": "rejected", "error_code": "absent", "error_text": text}


def claimed_row(row: Any, now: datetime) -> Claimed:
    """A delivery's row as one that is in flight in our name since `now`."""
    operation = Operation(
        row.delivery_id,
        row.ext_key,
        row.op,
        json.loads(row.payload),
        row.native_id,
        row.delivery_id,
        row.attempts,
    )
    return Claimed(operation, uuid.uuid4().hex, row.fence, now)


def attempt_start(claimed: Claimed, batch_id: str, row: Any) -> dict[str, Any]:
    """The attempt as it is written before its request."""
    return {
        "attempt_id": claimed.attempt_id, "delivery_id": row.delivery_id, "batch_id": batch_id,
        "request_id": claimed.operation.request_id, "fence": claimed.fence, "sent_at": claimed.claimed_at,
        "payload_sha": row.payload_sha,
    }  # fmt: skip


def attempt_end(claimed: Claimed, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """The attempt's columns after its request: parameters of `ATTEMPT_END`."""
    return {
        "b_id": claimed.attempt_id, "ended_at": now, "outcome": type(outcome).__name__,
        "native_id": outcome.native_id if isinstance(outcome, Acked) else None,
        "error_code": getattr(outcome, "code", None),
        "error_text_redacted": None if isinstance(outcome, Acked) else redact(outcome.text),
    }  # fmt: skip


ATTEMPT_END = (
    update(t.attempt)
    .where(t.attempt.c.attempt_id == bindparam("b_id"))
    .values({n: bindparam(n) for n in ("ended_at", "outcome", "native_id", "error_code", "error_text_redacted")})
)

TRANSITION = (
    update(t.delivery)
    .where(t.delivery.c.delivery_id == bindparam("b_id"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "state", "held_reason", "error_class", "error_code", "error_field", "error_text", "attempts",
                "next_at", "barrier_until", "native_id", "updated_at",
            )
        }
        | {"lease_owner": None, "lease_until": None}
    )
)  # fmt: skip
