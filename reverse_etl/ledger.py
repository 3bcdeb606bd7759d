"""What we mean to send, what we sent and what the target confirmed: the only code that moves a delivery's state.

Every public method is one transaction, on disk when it returns. What to send is decided in `plan.py`; how it is sent
in `sending.py`. The order that keeps the effect exactly once: a row is `in_flight` on disk before its request starts,
and acknowledged only after the target confirmed it.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, update

from common.clock import Clock
from reverse_etl import tables as t
from reverse_etl.canonical import canonical
from reverse_etl.confirming import Confirmed, acknowledge, cross_reference, forget
from reverse_etl.enqueuing import Changes
from reverse_etl.outcomes import (
    ATTEMPT_END,
    TRANSITION,
    Claimed,
    InDoubt,
    State,
    after,
    attempt_end,
    attempt_start,
    claimed_row,
    settled,
)
from reverse_etl.plan import Item, Known, Plan, references
from reverse_etl.reading import acknowledged, acks, chunks, native_ids, newest, standings
from reverse_etl.spec import (
    Acked,
    Capability,
    DesiredRow,
    Found,
    Outcome,
    SyncSpec,
)
from reverse_etl.store import Store
from systems.http import redact

# A worker that is silent for so long has lost its rows: they are in doubt. Not longer than the shortest settle time.
LEASE = timedelta(seconds=120)
# A claimed row's request starts within this time or not at all, so the settle time can be counted from the claim.
START_WINDOW = timedelta(seconds=5)
# Where sending again has no second effect on state, a row in doubt is sent again instead of read back.
_HARMLESS = (Capability.UPSERT, Capability.KEYED)


class Ledger:
    """The control store of one firm.

    Args:
        store: an open, migrated store.
        clock: tells leases, settle times and retry times.
        settle_seconds: by target, the time after which a request has either landed or never will.
    """

    def __init__(self, store: Store, clock: Clock, settle_seconds: Callable[[str], float]) -> None:
        self.store = store
        self._clock = clock
        self._settle = settle_seconds
        self._owner = f"{socket.gethostname()}|{os.getpid()}|{uuid.uuid4().hex[:8]}"

    # --- what is known -------------------------------------------------------------------------------------------

    def known(self, spec: SyncSpec, rows: Sequence[DesiredRow]) -> Known:
        """Everything that a plan of `rows` depends on, in one consistent view."""
        wanted = {(entity, system) for row in rows for entity, system, _ in references(row.payload)}
        wanted.add((spec.entity, spec.target))
        depends = {tuple(name.split("/", 2)[:2]) for row in rows for name in row.depends_on}
        with self.store.reading() as db:
            return Known(
                at=self._clock.now(),
                acks=acks(db, spec),
                standings=standings(db, spec),
                native_ids=native_ids(db, wanted, spec.instance),
                acknowledged=acknowledged(db, depends),
            )

    def halted(self, spec: SyncSpec) -> str | None:
        """Why nothing may be sent now: the kill switch, or a pause that the target asked for. None: go on."""
        with self.store.reading() as db:
            switch = db.execute(
                select(t.control.c.scope, t.control.c.reason).where(
                    t.control.c.scope.in_(("all", spec.target, spec.sync_id)), t.control.c.enabled.is_(False)
                )
            ).first()
            if switch:
                return f"switched off for {switch.scope}: {switch.reason}"
            pause = db.execute(
                select(t.breaker.c.probe_at, t.breaker.c.reason).where(
                    t.breaker.c.target == spec.target,
                    t.breaker.c.state != "closed",
                    t.breaker.c.probe_at > self._clock.now(),
                )
            ).first()
        return f"{spec.target} asked for a pause until {pause.probe_at:%Y-%m-%d %H:%M:%S} UTC" if pause else None

    def states(self, spec: SyncSpec) -> dict[str, State]:
        """Where each key's newest delivery stands."""
        with self.store.reading() as db:
            return {
                row.ext_key: State(row.state, row.held_reason, row.op, row.payload_sha, row.version, row.error_text)
                for row in db.execute(newest(spec))
            }

    def next_due(self, sync_ids: Sequence[str]) -> datetime | None:
        """The earliest instant at which a waiting delivery of these syncs can go on; None: nothing waits for time."""
        waiting = ("ready", "held", "in_doubt")
        d = t.delivery.c
        with self.store.reading() as db:
            return db.execute(
                select(func.min(func.coalesce(d.next_at, d.updated_at))).where(
                    d.sync_id.in_(sync_ids),
                    d.state.in_(waiting),
                    or_(d.next_at.is_not(None), d.state != "held"),
                )
            ).scalar()

    # --- plan ----------------------------------------------------------------------------------------------------

    def record_plan(self, plan: Plan, run_id: str, *, gate: str, guard: str, state: str) -> str:
        """Remember a plan and what was said of it. Returns its id."""
        plan_id = uuid.uuid4().hex
        counts = plan.counts()
        with self.store.writing() as db:
            db.execute(
                t.plan.insert(),
                {
                    "plan_id": plan_id,
                    "sync_id": plan.sync_id,
                    "run_id": run_id,
                    "digest": plan.digest,
                    "created_at": self._clock.now(),
                    "n_desired": len(plan.items),
                    **{f"n_{a}": counts[a] for a in ("create", "update", "delete", "unchanged", "adopt", "blocked")},
                    "blocked_reasons": dict(plan.reasons()),
                    "gate_result": gate,
                    "guard_result": guard,
                    "state": state,
                },
            )
        return plan_id

    def finish_plan(self, plan_id: str) -> None:
        """All that the plan could do now is done."""
        with self.store.writing() as db:
            db.execute(update(t.plan).where(t.plan.c.plan_id == plan_id).values(state="done"))

    def adopt(self, spec: SyncSpec, items: Sequence[Item]) -> None:
        """Acknowledge rows that the target already shows, without a send."""
        now = self._clock.now()
        with self.store.writing() as db:
            confirmed = [Confirmed(i.key, str(i.native_id), canonical(i.payload), i.payload_sha) for i in items]
            acknowledge(self.store, db, spec, confirmed, "recon", now)

    def enqueue(self, spec: SyncSpec, plan_id: str, plan: Plan, known: Known, hold: str | None) -> None:
        """Turn a plan into deliveries: new versions, rows that go on, rows that are held and why.

        A version that is desired no more and was not sent is superseded. A key that moved since the plan was made is
        left to the next plan.

        Args:
            known: what the plan was made from.
            hold: reason to hold every row ('gate'), or None.
        """
        with self.store.writing() as db:
            changes = Changes(spec, plan_id, self._clock.now(), known.standings, hold)
            changes.collect(plan, standings(db, spec, lock=not self.store.is_sqlite), acks(db, spec))
            changes.apply(db)

    # --- send ----------------------------------------------------------------------------------------------------

    def expire_leases(self, spec: SyncSpec) -> int:
        """Rows in flight whose worker is gone are in doubt from now on. Returns how many.

        Their request may have started until the start window after the claim, so the settle time runs from there.
        """
        now = self._clock.now()
        d = t.delivery.c
        with self.store.writing() as db:
            rows = db.execute(
                select(d.delivery_id, d.lease_owner, d.lease_until, d.barrier_until, t.attempt.c.sent_at)
                .join(t.attempt, t.attempt.c.delivery_id == d.delivery_id)
                .where(d.sync_id == spec.sync_id, d.state == "in_flight", t.attempt.c.fence == d.fence)
                .with_for_update(of=t.delivery, skip_locked=True)
            ).all()
            gone = [r for r in rows if r.lease_until <= now or _is_dead(r.lease_owner)]
            if not gone:
                return 0
            changes = []
            for row in gone:
                until = row.sent_at + START_WINDOW + timedelta(seconds=self._settle(spec.target))
                until = max(until, row.barrier_until or until)
                changes.append({"b_id": row.delivery_id, "barrier_until": until,
                                "next_at": until if spec.capability is Capability.FINDABLE else None})  # fmt: skip
            db.execute(
                update(t.delivery)
                .where(d.delivery_id == bindparam("b_id"))
                .values(
                    state="in_doubt", error_class="doubt", error_text="the worker ended before an answer was kept",
                    fence=d.fence + 1, lease_owner=None, lease_until=None, updated_at=now,
                ),
                changes,
            )  # fmt: skip
            db.execute(
                update(t.attempt)
                .where(t.attempt.c.delivery_id == bindparam("b_id"), t.attempt.c.ended_at.is_(None))
                .values(ended_at=now, outcome="lost"),
                [{"b_id": row.delivery_id} for row in gone],
            )
            return len(gone)

    def due(self, spec: SyncSpec, at: datetime) -> list[str]:
        """Ids of the rows that may be sent at `at`, oldest first: ready ones, and those in doubt where sending again is
        harmless.
        """
        d = t.delivery.c
        sendable = d.state == "ready"
        if spec.capability in _HARMLESS:
            sendable = or_(sendable, d.state == "in_doubt")
        with self.store.reading() as db:
            rows = db.execute(
                select(d.delivery_id)
                .where(d.sync_id == spec.sync_id, sendable, or_(d.next_at.is_(None), d.next_at <= at))
                .order_by(d.created_at, d.ext_key)
            )
            return [row.delivery_id for row in rows]

    def claim(self, spec: SyncSpec, batches: Sequence[Sequence[str]]) -> list[list[Claimed]]:
        """Put the rows in flight in our name and write their attempts, in one commit: the intent.

        A row that somebody else took meanwhile is left out. Nothing may be sent that is not in the answer.
        """
        now = self._clock.now()
        d = t.delivery.c
        claimable = ("ready", "in_doubt") if spec.capability in _HARMLESS else ("ready",)
        ids = [delivery for batch in batches for delivery in batch]
        with self.store.writing() as db:
            taken: dict[str, Any] = {}
            for chunk in chunks(ids):
                rows = db.execute(
                    update(t.delivery)
                    .where(d.delivery_id.in_(chunk), d.state.in_(claimable))
                    .values(
                        state="in_flight", held_reason=None, next_at=None, attempts=d.attempts + 1, fence=d.fence + 1,
                        lease_owner=self._owner, lease_until=now + LEASE, updated_at=now,
                    )
                    .returning(
                        d.delivery_id, d.ext_key, d.op, d.payload, d.payload_sha, d.native_id, d.attempts, d.fence
                    )
                )  # fmt: skip
                taken |= {row.delivery_id: row for row in rows}
            claimed, attempts = [], []
            for batch in batches:
                batch_id = uuid.uuid4().hex
                claimed.append([claimed_row(taken[i], now) for i in batch if i in taken])
                attempts += [attempt_start(one, batch_id, taken[one.operation.delivery_id]) for one in claimed[-1]]
            if attempts:
                db.execute(t.attempt.insert(), attempts)
        return [batch for batch in claimed if batch]

    def record(
        self,
        spec: SyncSpec,
        results: Sequence[tuple[Claimed, Outcome]],
        probe: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Keep the outcomes of requests, in one commit.

        An outcome whose fence is no longer ours is kept as evidence in its attempt and changes nothing else.
        """
        now = self._clock.now()
        with self.store.writing() as db:
            held = self._still_ours(db, [claimed for claimed, _ in results])
            ours = [(c, o) for c, o in results if c.operation.delivery_id in held]
            db.execute(ATTEMPT_END, [attempt_end(claimed, outcome, now) for claimed, outcome in results])
            probe("mid_record")
            settle = self._settle(spec.target)
            changes = [after(spec, c, o, held[c.operation.delivery_id], now, settle) for c, o in ours]
            if changes:
                db.execute(TRANSITION, changes)
            done = [(c.operation, o, held[c.operation.delivery_id]) for c, o in ours if isinstance(o, Acked)]
            kept = [
                Confirmed(op.key, o.native_id, row.payload, row.payload_sha, o.modstamp, op.delivery_id)
                for op, o, row in done
                if op.op != "delete"
            ]
            acknowledge(self.store, db, spec, kept, "answer", now)
            forget(db, spec, [op.key for op, _, _ in done if op.op == "delete"])

    # --- settle --------------------------------------------------------------------------------------------------

    def to_read_back(self, spec: SyncSpec) -> list[InDoubt]:
        """Rows in doubt whose settle time is over."""
        d = t.delivery.c
        with self.store.reading() as db:
            rows = db.execute(
                select(d.delivery_id, d.ext_key, d.op, d.payload, d.payload_sha, d.fence)
                .where(d.sync_id == spec.sync_id, d.state == "in_doubt", d.next_at <= self._clock.now())
                .order_by(d.ext_key)
            )
            return [
                InDoubt(r.delivery_id, r.ext_key, r.op, json.loads(r.payload), r.payload_sha, r.fence) for r in rows
            ]

    def settle(self, spec: SyncSpec, read: Sequence[tuple[InDoubt, Found | None, bool]]) -> None:
        """Keep what reading the target told about rows in doubt.

        Args:
            read: row, what the target holds, and whether that is what the row wanted. Where it isn't, the row is
                ready again: as an update where the target has it, as a create where not.
        """
        now = self._clock.now()
        d = t.delivery.c
        with self.store.writing() as db:
            for row, found, shown in read:
                moved = db.execute(
                    update(t.delivery)
                    .where(d.delivery_id == row.delivery_id, d.state == "in_doubt", d.fence == row.fence)
                    .values(**settled(row, found, shown), next_at=None, updated_at=now)
                ).rowcount
                if moved:
                    self._keep_reading(db, spec, row, found, shown=shown)

    def park(self, spec: SyncSpec) -> int:
        """Rows in doubt at a blind target wait for a person. Returns how many."""
        d = t.delivery.c
        with self.store.writing() as db:
            return db.execute(
                update(t.delivery)
                .where(d.sync_id == spec.sync_id, d.state == "in_doubt")
                .values(state="parked", next_at=None, updated_at=self._clock.now())
            ).rowcount

    # --- switches ------------------------------------------------------------------------------------------------

    def pause(self, target: str, until: datetime | None, reason: str) -> None:
        """Leave a target alone until an instant that it asked for; None ends the pause."""
        with self.store.writing() as db:
            db.execute(
                self.store.upsert(t.breaker, ("state", "probe_at", "reason", "opened_at")),
                {
                    "target": target,
                    "state": "throttled" if until else "closed",
                    "failures": 0,
                    "opened_at": self._clock.now() if until else None,
                    "probe_at": until,
                    "reason": redact(reason),
                },
            )

    def switch(self, scope: str, *, enabled: bool, reason: str, by: str) -> None:
        """The kill switch: scope is 'all', a target or a sync id. Checked before every group of requests."""
        with self.store.writing() as db:
            db.execute(
                self.store.upsert(t.control, ("enabled", "reason", "by", "at")),
                {"scope": scope, "enabled": enabled, "reason": reason, "by": by, "at": self._clock.now()},
            )

    # --- within a transaction ------------------------------------------------------------------------------------

    def _still_ours(self, db: Connection, claimed: Sequence[Claimed]) -> dict[str, Any]:
        """The rows of `claimed` that nobody took over, locked: id to (payload, barrier_until, attempts)."""
        d = t.delivery.c
        fences = {one.operation.delivery_id: one.fence for one in claimed}
        ours: dict[str, Any] = {}
        for chunk in chunks(list(fences)):
            rows = db.execute(
                select(d.delivery_id, d.fence, d.payload, d.payload_sha, d.barrier_until, d.attempts)
                .where(d.delivery_id.in_(chunk), d.state == "in_flight")
                .with_for_update()
            )
            ours |= {r.delivery_id: r for r in rows if r.fence == fences[r.delivery_id]}
        return ours

    def _keep_reading(self, db: Connection, spec: SyncSpec, row: InDoubt, found: Found | None, *, shown: bool) -> None:
        """What the target was seen to hold, or to hold no more."""
        now = self._clock.now()
        if found is None:
            forget(db, spec, [row.key] if shown else [])
        elif shown:
            payload, sha = canonical(row.payload), row.payload_sha
            confirmed = Confirmed(row.key, found.native_id, payload, sha, None, row.delivery_id)
            acknowledge(self.store, db, spec, [confirmed], "readback", now)
        else:
            cross_reference(self.store, db, spec, [(row.key, found.native_id, row.delivery_id)], now)


def _is_dead(owner: str | None) -> bool:
    """Whether the worker ran on this machine and is gone; a worker elsewhere is told by its lease alone."""
    host, _, rest = (owner or "").partition("|")
    process = rest.partition("|")[0]
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
