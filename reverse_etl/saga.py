"""Opportunity to project: one piece of business across CRM, ERP and PSA, as a view over ordinary deliveries.

The steps are the firm's syncs in order, each delivered by the engine; what a step waits for is in its rows
(`depends_on`, `$ref`). A saga adds what a person wants to know: how far each deal is, who must act, by when, and
whether it can still be undone. It sends nothing, so it can be recomputed at any time.

States of a saga: running, completed, stuck (a person has to act), compensating, compensated, failed. Of a step:
waiting, running, done, stuck, compensating, compensated. Nothing compensates yet: compensations are deliveries too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from common.clock import Clock
from reverse_etl import tables as t
from reverse_etl.ledger import Ledger
from reverse_etl.outcomes import State
from reverse_etl.plan import references
from reverse_etl.spec import DesiredRow, SyncSpec, delivery_id

TYPE = "opportunity_to_project"
# A deal that isn't through after this time waits for somebody.
SLA = timedelta(hours=8)
# Once this step is done there is no way back: finance bills by it.
PIVOT = "billing_schedule"

_NAMESPACE = uuid.UUID("3f0a2c8e-93a7-5d0e-bb2b-9b7e2f1f8a44")
_STUCK = ("rejected", "parked", "dead")
# Held for a person; the other holds end by themselves.
_HELD_STUCK = ("gate", "period")


@dataclass(frozen=True)
class Step:
    """One step of one saga. `reason` says what it waits for, in words."""

    name: str
    spec: SyncSpec
    key: str | None
    state: str
    reason: str | None = None
    delivery: str | None = None


@dataclass(frozen=True)
class Saga:
    """One deal on its way. `business_key` and `generation` are the parts of 'opp:<id>:<generation>'.

    `row` is the deal's row of the first step that has one: its amount, client and name.
    """

    saga_id: str
    business_key: str
    generation: int
    state: str
    pivot_passed: bool
    owner_role: str
    opened_at: datetime
    sla_at: datetime
    steps: tuple[Step, ...]
    row: DesiredRow


@dataclass(frozen=True)
class _Sync:
    """One step's sync, with what the outbox and the ledger know of its keys. `chains`: correlation id to row."""

    name: str
    spec: SyncSpec
    chains: Mapping[str, DesiredRow]
    states: Mapping[str, State]
    acked: frozenset[str]


def advance(
    ledger: Ledger,
    clock: Clock,
    steps: Sequence[tuple[str, SyncSpec]],
    outboxes: Mapping[str, Sequence[DesiredRow]],
) -> list[Saga]:
    """Bring every saga in line with where its deliveries stand, and the exception list in line with the sagas.

    Args:
        steps: name and sync of each step, in order; the first is the customer, which several deals may share.
        outboxes: sync id to the rows that were delivered.

    Returns:
        All sagas that the outboxes name, those that are done included.
    """
    syncs = [_look(ledger, name, spec, outboxes.get(spec.sync_id, ())) for name, spec in steps]
    now = clock.now()
    with ledger.store.writing() as db:
        known = {row.saga_id: row for row in db.execute(select(t.saga).where(t.saga.c.type == TYPE))}
        sagas = [_saga(key, syncs, known, now) for key in _keys(syncs)]
        _keep(db, ledger, sagas, now)
        _keep_exceptions(db, sagas, now)
    return sagas


def parse_key(correlation_id: str) -> tuple[str, int] | None:
    """The business key and the generation of 'opp:<id>:<generation>'; None for another kind of chain."""
    kind, _, rest = correlation_id.partition(":")
    business_key, _, generation = rest.rpartition(":")
    if kind != "opp" or not business_key or not generation.isdigit():
        return None
    return business_key, int(generation)


def _look(ledger: Ledger, name: str, spec: SyncSpec, rows: Sequence[DesiredRow]) -> _Sync:
    known = ledger.known(spec, [])
    chains = {row.correlation_id: row for row in rows}
    return _Sync(name, spec, chains, ledger.states(spec), frozenset(known.acks))


def _keys(syncs: Sequence[_Sync]) -> list[str]:
    """The chains with an eligible row: a deal that may not become a project yet has no saga."""
    eligible = {row.correlation_id for sync in syncs[1:] for row in sync.chains.values() if row.eligible}
    return sorted(key for key in eligible if parse_key(key))


def _saga(key: str, syncs: Sequence[_Sync], known: Mapping[str, Any], now: datetime) -> Saga:
    business_key, generation = parse_key(key) or (key, 1)
    saga_id = uuid.uuid5(_NAMESPACE, f"{TYPE}\n{key}").hex
    before = known.get(saga_id)
    opened_at, sla_at = (before.opened_at, before.sla_at) if before else (now, now + SLA)
    rows = [sync.chains[key] for sync in syncs if key in sync.chains]
    steps = [_step(sync, _key_of(sync, key, rows)) for sync in syncs]
    open_steps = [step for step in steps if step.state != "done"]
    state = "running" if open_steps else "completed"
    if any(step.state == "stuck" for step in open_steps) or (open_steps and now > sla_at):
        state = "stuck"
    pivot = any(step.spec.object == PIVOT and step.state == "done" for step in steps)
    culprit = next((step for step in open_steps if step.state == "stuck"), (open_steps or steps)[0])
    return Saga(
        saga_id,
        business_key,
        generation,
        state,
        pivot,
        culprit.spec.owner_role,
        opened_at,
        sla_at,
        tuple(steps),
        rows[0],
    )


def _key_of(sync: _Sync, chain: str, rows: Sequence[DesiredRow]) -> str | None:
    """The step's key: of its own row in the chain, else the one that another row of the chain depends on."""
    if chain in sync.chains:
        return sync.chains[chain].key
    prefix = f"{sync.spec.target}/{sync.spec.object}/"
    for row in rows:
        for name in row.depends_on:
            if name.startswith(prefix):
                return name.removeprefix(prefix)
        for entity, system, key in references(row.payload):
            if (entity, system) == (sync.spec.entity, sync.spec.target):
                return key
    return None


def _step(sync: _Sync, key: str | None) -> Step:
    standing = sync.states.get(key) if key else None
    delivery = delivery_id(sync.spec, key, standing.version) if key and standing else None
    if standing is not None and standing.state in _STUCK:
        return Step(sync.name, sync.spec, key, "stuck", standing.error_text or standing.state, delivery)
    if key in sync.acked:
        return Step(sync.name, sync.spec, key, "done", None, delivery)
    if standing is None:
        return Step(sync.name, sync.spec, key, "waiting", "no delivery yet", None)
    if standing.state == "held":
        state = "stuck" if standing.held_reason in _HELD_STUCK else "waiting"
        return Step(sync.name, sync.spec, key, state, f"held: {standing.held_reason}", delivery)
    return Step(sync.name, sync.spec, key, "running", standing.state, delivery)


def _keep(db: Connection, ledger: Ledger, sagas: Sequence[Saga], now: datetime) -> None:
    if not sagas:
        return
    columns = ("state", "pivot_passed", "owner_role", "context", "updated_at")
    db.execute(
        ledger.store.upsert(t.saga, columns),
        [
            {
                "saga_id": saga.saga_id, "type": TYPE, "business_key": saga.business_key,
                "generation": saga.generation, "state": saga.state, "pivot_passed": saga.pivot_passed,
                "owner_role": saga.owner_role, "sla_at": saga.sla_at, "opened_at": saga.opened_at, "updated_at": now,
                "context": {"name": saga.row.business_key, "client": saga.row.client},
            }
            for saga in sagas
        ],
    )  # fmt: skip
    db.execute(
        ledger.store.upsert(t.saga_step, ("ext_key", "forward_delivery", "state", "reason", "updated_at")),
        [
            {
                "saga_id": saga.saga_id, "step_no": number, "name": step.name, "target": step.spec.target,
                "object": step.spec.object, "ext_key": step.key, "forward_delivery": step.delivery,
                "state": step.state, "reason": step.reason, "updated_at": now,
            }
            for saga in sagas
            for number, step in enumerate(saga.steps, start=1)
        ],
    )  # fmt: skip


def _keep_exceptions(db: Connection, sagas: Sequence[Saga], now: datetime) -> None:
    """One open exception a stuck saga, none for the others."""
    e = t.exception.c
    rows = db.execute(select(e.saga_id).where(e.saga_id.is_not(None), e.resolution.is_(None)))
    listed = {row.saga_id for row in rows}
    stuck = {saga.saga_id: saga for saga in sagas if saga.state == "stuck"}
    for saga_id in listed - set(stuck):
        db.execute(
            update(t.exception)
            .where(e.saga_id == saga_id, e.resolution.is_(None))
            .values(resolution="cleared", resolved_at=now, resolved_by="engine")
        )
    opened = [_exception(saga, now) for saga_id, saga in stuck.items() if saga_id not in listed]
    if opened:
        db.execute(t.exception.insert(), opened)


def _exception(saga: Saga, now: datetime) -> dict[str, Any]:
    waits = "; ".join(
        f"step {n} of {len(saga.steps)}, {step.name}: {step.reason or step.state}"
        for n, step in enumerate(saga.steps, start=1)
        if step.state != "done"
    )
    return {
        "id": uuid.uuid4().hex, "saga_id": saga.saga_id, "class": "stuck_saga", "owner_role": saga.owner_role,
        "impact_amount": saga.row.amount, "currency": saga.row.currency, "client": saga.row.client,
        "business_key": saga.row.business_key, "opened_at": now, "sla_at": saga.sla_at, "note": waits,
    }  # fmt: skip
