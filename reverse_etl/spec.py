"""The words that planner, ledger, engine and writers share: plain dataclasses and one protocol.

No SQL, no HTTP, no ledger here. What we push is in `syncs.py`; how a target is talked to is in `writers/<target>.py`.

The outbox contract
===================
Each `sync_<target>__<object>` model (schema `sync`) yields exactly these columns, one row a key, no duplicates:

```
key                 varchar        Our key of the row at the target (its external id, or its own id where the sync
                                   updates what the target made). Never null. Letters, digits and `_ - : .`.
eligible            boolean        True: the target must show this row. Never null.
ineligible_reason   varchar        Why not, as a short stable phrase that a person reads and a summary counts
                                   ('contract not approved'); null if and only if eligible.
payload             varchar        One flat JSON object: the fields of `SyncSpec.fields`, all of them on every row;
                                   null clears. Null allowed where not eligible. Money, hours and rates are JSON
                                   numbers, instants 'YYYY-MM-DDTHH:MM:SSZ', dates 'YYYY-MM-DD'. A value may be
                                   {"$ref": {"entity": "customer", "system": "netsuite", "key": "<key>"}}: the
                                   native id of a row that another sync delivers, filled in by the engine.
observed_native_id  varchar        The target's id of the row as ingestion last read it, found by our key or by an
                                   identity cross-reference; null: no such row there as far as we know.
observed_payload    varchar        JSON object with the field names of `payload`: what the target showed when
                                   ingestion last read it; null exactly where observed_native_id is. Types as in
                                   payload (a number stays a number), references as plain native ids.
business_key        varchar        What a person calls it: invoice number, deal name, project number.
client              varchar        Name of the client, for the exception list; null where there is none.
amount              decimal(18,4)  Money at stake in `currency`; null where the row moves none.
currency            varchar        ISO 4217, null with amount.
legal_entity_code   varchar        Legal entity whose books are touched, null where none are.
posting_date        date           Date on which the ERP posts it (a closed period holds the row); null: posts nothing.
correlation_id      varchar        The chain that the row belongs to. 'opp:<Opportunity Id>:<generation>' on project,
                                   billing_schedule and opportunity_provisioning: it is the saga's key. Else the
                                   source row, '<system>:<id>'. Never null.
depends_on          varchar        JSON array of '<target>/<object>/<key>' that must be acknowledged first, or null.
                                   A `$ref` is a dependency by itself and need not be repeated, except that the
                                   project row names its customer row here, so that the saga finds it.
```

A row that exists at the target and was put there by somebody else stays in the outbox: equal fields are adopted
without a send, different fields become an update.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Protocol

Op = Literal["create", "update", "delete"]


_NAMESPACE = uuid.UUID("6d9c1d0e-8f63-5f5b-9b1e-0c8a9a3e7a11")


class Capability(StrEnum):
    """What a target offers against doing a thing twice. It decides how a row in doubt is settled."""

    UPSERT = "U"  # upsert by our key: sending again has no second effect on state
    KEYED = "K"  # honours an idempotency key: sending again returns the first result
    FINDABLE = "F"  # create-only, but our key can be searched: read back after the settle time
    BLIND = "B"  # create-only and blind: a person decides


@dataclass(frozen=True)
class Mode:
    """Which operations a sync may make; the others become blocked rows."""

    create: bool = False
    update: bool = False
    delete: bool = False


@dataclass(frozen=True)
class SyncSpec:
    """One thing that we push: which rows, to which record type, and by which rules.

    `target` is the system's slug, `object` our word for the thing (the relation is `sync_<target>__<object>`),
    `record_type` and `key_field` the target's own words. `fields` are the payload's fields: those, and only those,
    are ours to write. `requires` are the syncs that go first in one run. `parallel` bounds the requests in flight.
    `entity` names the thing in the identity cross-reference, so that a `$ref` finds its native id.
    """

    target: str
    object: str
    entity: str
    record_type: str
    key_field: str
    capability: Capability
    mode: Mode
    fields: tuple[str, ...]
    owner_role: str
    sla_hours: int
    batch_max: int = 1
    parallel: int = 8
    lane: str = "normal"
    requires: tuple[str, ...] = ()
    instance: str = "main"

    @property
    def sync_id(self) -> str:
        """`<target>__<object>`, unique in the registry."""
        return f"{self.target}__{self.object}"

    @property
    def relation(self) -> str:
        """Name of the outbox model, without its schema."""
        return f"sync_{self.sync_id}"


def delivery_id(spec: SyncSpec, key: str, version: int) -> str:
    """The id of one desired state of one key (version counts them); the same whoever computes it."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join((spec.target, spec.object, key, str(version)))))


@dataclass(frozen=True)
class DesiredRow:
    """One row of an outbox model, parsed. See the contract above."""

    key: str
    eligible: bool
    ineligible_reason: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    observed_native_id: str | None = None
    observed_payload: Mapping[str, Any] | None = None
    business_key: str | None = None
    client: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    legal_entity_code: str | None = None
    posting_date: date | None = None
    correlation_id: str = ""
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One row to send. `payload` has its references filled in and holds JSON values only.

    `native_id` is the target's own id where it is known (always for an update to a target without upsert).
    `request_id` is the same each time this version of the row is sent: the idempotency key.
    """

    delivery_id: str
    key: str
    op: Op
    payload: Mapping[str, Any]
    native_id: str | None
    request_id: str
    attempt: int = 1


@dataclass(frozen=True)
class Acked:
    """The target confirmed the row. `modstamp` is its own change stamp, where the answer has one."""

    native_id: str
    modstamp: str | None = None


@dataclass(frozen=True)
class RejectedRow:
    """The target refused this row for its content; it is sent again only when its payload changes."""

    code: str
    text: str
    field: str | None = None


@dataclass(frozen=True)
class PeriodShut:
    """The ERP refused the posting because its accounting period is closed: held for finance, never moved by us."""

    code: str
    text: str


@dataclass(frozen=True)
class Throttled:
    """Nothing was executed; the row may go again after `after` seconds (0: at once, with fewer in parallel)."""

    after: float
    text: str = ""


@dataclass(frozen=True)
class BatchRefused:
    """The whole request was refused, nothing was executed and nobody said which row is the bad one."""

    code: str
    text: str


@dataclass(frozen=True)
class Doubt:
    """The row may or may not have been executed: a time-out, a reset, a 5xx, a truncated answer."""

    text: str


Outcome = Acked | RejectedRow | PeriodShut | Throttled | BatchRefused | Doubt


@dataclass(frozen=True)
class Found:
    """What the target holds under one of our keys; `fields` has the payload's field names and JSON types."""

    native_id: str
    fields: Mapping[str, Any]


class Writer(Protocol):
    """Payload to the target's client, and the client's answers to outcomes. Nothing else.

    A writer sends each call's rows in exactly one request and never retries: one attempt is one request. It is called
    from several threads at once. It knows neither ledger nor plan.
    """

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """Send up to `spec.batch_max` rows of distinct keys in one request.

        Returns:
            One outcome a row, in the order of `operations`. Time-outs, resets, 5xx and truncated answers are `Doubt`,
            429 and lock conflicts `Throttled`, a refused record `RejectedRow`.

        Raises:
            systems.errors.Fatal: the target can't be talked to at all (credentials, unknown record type); nothing of
                this request was executed.
        """
        ...

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the target holds under `keys`, asked on the endpoint that is consistent at once, never a search index.

        A key that is missing from the answer does not exist at the target. `Found.fields` has `spec.fields`.

        Raises:
            systems.errors.OutsideError: the target could not answer; the rows stay in doubt.
        """
        ...


@dataclass(frozen=True)
class Verdict:
    """The gate's answer on an exact batch. `failures` say which rule failed, in words."""

    passed: bool
    failures: tuple[str, ...] = ()


class Gate(Protocol):
    """Judges the rows of one outbox relation before anything is sent. Called with every column of every row."""

    def __call__(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> Verdict:
        """The verdict on exactly these rows."""
        ...
