"""Desired state minus acknowledged state, as a pure function: no clock, no database, no target.

What to do with each key of one sync, and why nothing is done where nothing is. Whether the plan may be sent is the
guard's business (`guard.py`); remembering it is the ledger's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from reverse_etl.canonical import canonical, digest, shows
from reverse_etl.spec import DesiredRow, SyncSpec

Action = Literal["create", "update", "delete", "unchanged", "adopt", "blocked"]

# States of a delivery in which the row may be on its way: nothing else may be sent for the key.
OPEN_AT_TARGET = ("in_flight", "in_doubt", "parked")
# States that end a version without the target having confirmed it; the same payload is not sent again by itself.
REFUSED = ("rejected", "dead")

Reference = tuple[str, str, str]  # entity, system, key


class UnresolvedReference(LookupError):
    """A `$ref` names a row that no target has confirmed yet."""


@dataclass(frozen=True)
class Ack:
    """What the target last confirmed for a key."""

    native_id: str | None
    payload_sha: str


@dataclass(frozen=True)
class Standing:
    """Where the newest delivery of a key stands.

    `doubtful`: a version newer than the acknowledged one was in doubt at some time, so what the target shows isn't
    known until a newer version is confirmed. `barrier_until`: until then a request of this version or an older one may
    still land; `older_barrier_until` the same for the older ones alone.
    """

    version: int
    state: str
    payload_sha: str
    held_reason: str | None = None
    next_at: datetime | None = None
    doubtful: bool = False
    barrier_until: datetime | None = None
    older_barrier_until: datetime | None = None


@dataclass(frozen=True)
class Known:
    """What the ledger knows that a plan depends on, as of `at`."""

    at: datetime
    acks: Mapping[str, Ack] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    native_ids: Mapping[Reference, str] = field(default_factory=dict)
    acknowledged: Collection[str] = frozenset()  # '<target>/<object>/<key>'


@dataclass(frozen=True)
class Item:
    """One key's fate. `payload` has its references filled in, except where the reason is 'dependency'.

    reason, where blocked: 'ineligible: ...' | dependency | barrier | in_flight | in_doubt | parked | rejected | dead |
    period | mode.
    """

    key: str
    action: Action
    row: DesiredRow
    payload: Mapping[str, Any] = field(default_factory=dict)
    payload_sha: str = ""
    native_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Plan:
    """Every key of the outbox and every acknowledged key that left it, each with exactly one action."""

    sync_id: str
    items: tuple[Item, ...]
    digest: str

    def of(self, *actions: Action) -> list[Item]:
        """The items with one of these actions."""
        return [item for item in self.items if item.action in actions]

    def counts(self) -> Counter[str]:
        """Items by action."""
        return Counter(item.action for item in self.items)

    def reasons(self) -> Counter[str]:
        """Blocked items by reason."""
        return Counter(str(item.reason) for item in self.items if item.action == "blocked")


def plan(spec: SyncSpec, rows: Sequence[DesiredRow], known: Known) -> Plan:
    """The difference between what the outbox wants and what the target confirmed.

    The digest is the same for the same difference, whatever the order of the rows: approvals are bound to it.
    """
    items = [_decide(spec, row, known) for row in rows]
    items += _vanished(spec, {row.key for row in rows}, known)
    items.sort(key=lambda item: item.key)
    return Plan(spec.sync_id, tuple(items), digest([[i.key, i.action, i.reason, i.payload_sha] for i in items]))


def references(value: Any) -> list[Reference]:
    """Every `$ref` inside a payload."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            return [_reference(value)]
        return [found for item in value.values() for found in references(item)]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in references(item)]
    return []


def resolve(value: Any, native_ids: Mapping[Reference, str]) -> Any:
    """`value` with every `$ref` replaced by the native id that it names.

    Raises:
        UnresolvedReference: if one of them is not known yet.
    """
    if isinstance(value, Mapping):
        if "$ref" in value:
            reference = _reference(value)
            if reference not in native_ids:
                raise UnresolvedReference("/".join(reference))
            return native_ids[reference]
        return {name: resolve(item, native_ids) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, native_ids) for item in value]
    return value


def _decide(spec: SyncSpec, row: DesiredRow, known: Known) -> Item:
    """One row's fate: what hinders it first, then what is different."""
    ack, standing = known.acks.get(row.key), known.standings.get(row.key)
    if not row.eligible:
        if spec.mode.delete and ack is not None:
            return _delete(row, known)
        return Item(row.key, "blocked", row, reason=f"ineligible: {row.ineligible_reason or 'no reason given'}")
    try:
        payload = resolve(row.payload, known.native_ids)
    except UnresolvedReference:
        return _dependent(row, standing)
    if not all(name in known.acknowledged for name in row.depends_on):
        return _dependent(row, standing)
    sha = digest(payload)
    hindrance = _hindrance(standing, sha, known.at)
    if hindrance:
        return Item(row.key, "blocked", row, payload, sha, reason=hindrance)
    return _difference(spec, row, payload, sha, known)


def _dependent(row: DesiredRow, standing: Standing | None) -> Item:
    """Waits for another row; a version of it that is on its way already goes first."""
    if standing is not None and standing.state in OPEN_AT_TARGET:
        return Item(row.key, "blocked", row, reason=standing.state)
    return Item(row.key, "blocked", row, row.payload, digest(row.payload), reason="dependency")


def _hindrance(standing: Standing | None, sha: str, at: datetime) -> str | None:
    """Why this state of the key can't be sent now, whatever the target shows."""
    if standing is None:
        return None
    if standing.state in OPEN_AT_TARGET:
        return standing.state
    same = standing.payload_sha == sha
    if standing.state in REFUSED and same:
        return standing.state
    if standing.held_reason == "period" and same and standing.next_at is not None and standing.next_at > at:
        return "period"
    return None


def _difference(spec: SyncSpec, row: DesiredRow, payload: Mapping[str, Any], sha: str, known: Known) -> Item:
    ack, standing = known.acks.get(row.key), known.standings.get(row.key)
    doubtful = standing is not None and standing.doubtful
    if ack is not None and ack.payload_sha == sha and not doubtful:
        return Item(row.key, "unchanged", row, payload, sha, ack.native_id)
    native_id = _native_id(spec, row, known)
    observed = row.observed_payload
    if ack is None and row.observed_native_id and observed is not None and not doubtful and shows(observed, payload):
        return Item(row.key, "adopt", row, payload, sha, row.observed_native_id)
    action: Action = "create" if native_id is None else "update"
    if not (spec.mode.create if action == "create" else spec.mode.update):
        return Item(row.key, "blocked", row, payload, sha, native_id, reason="mode")
    if _behind_barrier(standing, sha, known.at):
        return Item(row.key, "blocked", row, payload, sha, native_id, reason="barrier")
    return Item(row.key, action, row, payload, sha, native_id)


def _native_id(spec: SyncSpec, row: DesiredRow, known: Known) -> str | None:
    """The target's id of the row, from the surest source. A sync that only updates has the target's id as its key."""
    ack = known.acks.get(row.key)
    if ack is not None and ack.native_id:
        return ack.native_id
    found = known.native_ids.get((spec.entity, spec.target, row.key)) or row.observed_native_id
    return found or (None if spec.mode.create else row.key)


def _behind_barrier(standing: Standing | None, sha: str, at: datetime) -> bool:
    """A version waits until no request of an older one can land any more."""
    if standing is None:
        return False
    is_new_version = standing.payload_sha != sha or standing.state == "acked"
    until = standing.barrier_until if is_new_version else standing.older_barrier_until
    return until is not None and until > at


def _vanished(spec: SyncSpec, desired: Collection[str], known: Known) -> list[Item]:
    """Acknowledged keys that left the outbox: deleted where the sync may delete, else left alone."""
    if not spec.mode.delete:
        return []
    gone = sorted(set(known.acks) - set(desired))
    return [_delete(DesiredRow(key=key, eligible=False, correlation_id=key), known) for key in gone]


def _delete(row: DesiredRow, known: Known) -> Item:
    standing = known.standings.get(row.key)
    sha = digest(None)
    native_id = known.acks[row.key].native_id
    reason = _hindrance(standing, sha, known.at) or ("barrier" if _behind_barrier(standing, sha, known.at) else None)
    if reason:
        return Item(row.key, "blocked", row, {}, sha, native_id, reason=reason)
    return Item(row.key, "delete", row, {}, sha, native_id)


def _reference(value: Mapping[str, Any]) -> Reference:
    named = value["$ref"]
    try:
        return (str(named["entity"]), str(named["system"]), str(named["key"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"a $ref needs entity, system and key, not {canonical(named)}") from error
