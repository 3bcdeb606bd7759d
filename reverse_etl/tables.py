"""The control store's tables, SQLAlchemy Core, the same on SQLite and PostgreSQL. No behaviour (that is `ledger.py`).

A change here needs a migration in `migrations/versions`; a test compares the two.
Grain and meaning of each table are in its comment. Every instant is UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware UTC timestamp, kept without its zone so that every database sorts it alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC without zone.

        Raises:
            ValueError: for an instant without a zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a zone: {value}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

ID = String(64)
KEY = String(200)
WORD = String(80)
MONEY = Numeric(18, 4, asdecimal=True)


def _moment(name: str, *, required: bool = False) -> Column[Any]:
    return Column(name, Instant, nullable=not required)


# One difference that was computed: its counts, what gate and guard said of it, who approved it.
# Its state is one of: blocked, sending, done.
plan = Table(
    "plan",
    metadata,
    Column("plan_id", ID, primary_key=True),
    Column("sync_id", WORD, nullable=False),
    Column("run_id", KEY, nullable=False),
    Column("digest", ID, nullable=False),
    _moment("created_at", required=True),
    *(
        Column(f"n_{name}", Integer, nullable=False)
        for name in ("desired", "create", "update", "delete", "unchanged", "adopt", "blocked")
    ),
    Column("blocked_reasons", JSON, nullable=False),
    Column("gate_result", Text, nullable=False),
    Column("guard_result", Text, nullable=False),
    Column("state", WORD, nullable=False),
    Index(None, "sync_id", "created_at"),
)

# One desired state of one key: version counts them, so A, B, A is three deliveries.
# Its state is one of: held, ready, in_flight, in_doubt, acked, rejected, parked, superseded, dead.
delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", ID, primary_key=True),
    Column("plan_id", ID, ForeignKey("plan.plan_id"), nullable=False),
    Column("sync_id", WORD, nullable=False),
    Column("target", WORD, nullable=False),
    Column("object", WORD, nullable=False),
    Column("ext_key", KEY, nullable=False),
    Column("version", Integer, nullable=False),
    Column("op", WORD, nullable=False),
    Column("payload", Text, nullable=False),
    Column("payload_sha", ID, nullable=False),
    Column("prev_ack_sha", ID),
    Column("native_id", KEY),
    Column("state", WORD, nullable=False),
    Column("held_reason", WORD),
    Column("error_class", WORD),
    Column("error_code", KEY),
    Column("error_field", KEY),
    Column("error_text", Text),
    Column("attempts", Integer, nullable=False),
    _moment("next_at"),
    # Set once the version was ever in doubt: until then one of its requests may still land.
    _moment("barrier_until"),
    Column("lease_owner", KEY),
    _moment("lease_until"),
    Column("fence", Integer, nullable=False),
    Column("depends_on", JSON, nullable=False),
    Column("correlation_id", KEY, nullable=False),
    Column("business_key", Text),
    Column("client", Text),
    Column("amount", MONEY),
    Column("currency", String(3)),
    Column("legal_entity_code", WORD),
    Column("posting_date", Date),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    UniqueConstraint("target", "object", "ext_key", "version"),
    Index("delivery_sync_id_state_idx", "sync_id", "state"),
    Index("delivery_correlation_id_idx", "correlation_id"),
    # One version of a key at a time may be on its way, whoever tries.
    Index(
        "delivery_one_open_per_key",
        "target",
        "object",
        "ext_key",
        unique=True,
        sqlite_where=text("state in ('in_flight', 'in_doubt')"),
        postgresql_where=text("state in ('in_flight', 'in_doubt')"),
    ),
)

# One request's part for one delivery, written before it is sent; its outcome is filled in once. The audit.
attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", ID, primary_key=True),
    Column("delivery_id", ID, ForeignKey("delivery.delivery_id"), nullable=False),
    Column("batch_id", ID, nullable=False),
    Column("request_id", ID, nullable=False),
    Column("fence", Integer, nullable=False),
    _moment("sent_at", required=True),
    _moment("ended_at"),
    Column("outcome", WORD),
    Column("native_id", KEY),
    Column("error_code", KEY),
    Column("error_text_redacted", Text),
    Column("payload_sha", ID, nullable=False),
    Index(None, "delivery_id"),
)

# What a target last confirmed for a key. Verified by its answer, a readback or recon.
ack = Table(
    "ack",
    metadata,
    Column("target", WORD, primary_key=True),
    Column("object", WORD, primary_key=True),
    Column("ext_key", KEY, primary_key=True),
    Column("native_id", KEY),
    Column("payload_sha", ID, nullable=False),
    Column("fields", Text, nullable=False),
    Column("target_modstamp", KEY),
    _moment("acked_at", required=True),
    Column("verified_by", WORD, nullable=False),
)

# Which native id a system has for a thing of ours. Status active or deleted.
xref = Table(
    "xref",
    metadata,
    Column("entity", WORD, primary_key=True),
    Column("system", WORD, primary_key=True),
    Column("instance", WORD, primary_key=True),
    Column("ext_key", KEY, primary_key=True),
    Column("canonical_id", KEY),
    Column("native_id", KEY, nullable=False),
    Column("status", WORD, nullable=False),
    _moment("valid_from", required=True),
    Column("source_delivery", ID),
)

# One piece of business across systems. Its state is one of: running, completed,
# stuck, compensating, compensated, failed.
saga = Table(
    "saga",
    metadata,
    Column("saga_id", ID, primary_key=True),
    Column("type", WORD, nullable=False),
    Column("business_key", KEY, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", WORD, nullable=False),
    Column("pivot_passed", Boolean, nullable=False),
    Column("owner_role", WORD, nullable=False),
    _moment("sla_at", required=True),
    Column("context", JSON, nullable=False),
    _moment("opened_at", required=True),
    _moment("updated_at", required=True),
    UniqueConstraint("type", "business_key", "generation"),
)

# One step of a saga. Its state is one of: waiting, running, done, stuck, compensating, compensated.
saga_step = Table(
    "saga_step",
    metadata,
    Column("saga_id", ID, ForeignKey("saga.saga_id"), primary_key=True),
    Column("step_no", Integer, primary_key=True),
    Column("name", WORD, nullable=False),
    Column("target", WORD, nullable=False),
    Column("object", WORD, nullable=False),
    Column("ext_key", KEY),
    Column("forward_delivery", ID),
    Column("compensation_delivery", ID),
    Column("state", WORD, nullable=False),
    Column("reason", Text),
    _moment("updated_at", required=True),
)

# Work for a person, of one class: rejected, parked, dead, stuck_saga, refused_plan. No resolution: still open.
exception = Table(
    "exception",
    metadata,
    Column("id", ID, primary_key=True),
    Column("delivery_id", ID, ForeignKey("delivery.delivery_id")),
    Column("saga_id", ID, ForeignKey("saga.saga_id")),
    Column("sync_id", WORD),
    Column("class", WORD, nullable=False),
    Column("owner_role", WORD, nullable=False),
    Column("impact_amount", MONEY),
    Column("currency", String(3)),
    Column("client", Text),
    Column("business_key", Text),
    _moment("opened_at", required=True),
    _moment("sla_at", required=True),
    Column("resolution", WORD),
    Column("resolved_by", WORD),
    _moment("resolved_at"),
    Column("note", Text, nullable=False),
    Index(None, "resolution"),
)

# A target that asked for a pause: nothing is sent to it before probe_at. Its state is closed or throttled.
breaker = Table(
    "breaker",
    metadata,
    Column("target", WORD, primary_key=True),
    Column("state", WORD, nullable=False),
    Column("failures", Integer, nullable=False),
    _moment("opened_at"),
    _moment("probe_at"),
    Column("reason", Text),
)

# The kill switch. scope: 'all', a target or a sync_id; enabled false: nothing is sent
control = Table(
    "control",
    metadata,
    Column("scope", WORD, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", WORD, nullable=False),
    _moment("at", required=True),
)
