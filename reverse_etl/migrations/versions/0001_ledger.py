"""The ledger: plans, deliveries, attempts, acknowledgements, sagas, exceptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "ack",
        sa.Column("target", sa.String(length=80), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("ext_key", sa.String(length=200), nullable=False),
        sa.Column("native_id", sa.String(length=200), nullable=True),
        sa.Column("payload_sha", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("target_modstamp", sa.String(length=200), nullable=True),
        sa.Column("acked_at", sa.DateTime(), nullable=False),
        sa.Column("verified_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("target", "object", "ext_key", name=op.f("ack_pkey")),
    )
    op.create_table(
        "breaker",
        sa.Column("target", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=True),
        sa.Column("probe_at", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("target", name=op.f("breaker_pkey")),
    )
    op.create_table(
        "control",
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("control_pkey")),
    )
    op.create_table(
        "plan",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("sync_id", sa.String(length=80), nullable=False),
        sa.Column("run_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("n_desired", sa.Integer(), nullable=False),
        sa.Column("n_create", sa.Integer(), nullable=False),
        sa.Column("n_update", sa.Integer(), nullable=False),
        sa.Column("n_delete", sa.Integer(), nullable=False),
        sa.Column("n_unchanged", sa.Integer(), nullable=False),
        sa.Column("n_adopt", sa.Integer(), nullable=False),
        sa.Column("n_blocked", sa.Integer(), nullable=False),
        sa.Column("blocked_reasons", sa.JSON(), nullable=False),
        sa.Column("gate_result", sa.Text(), nullable=False),
        sa.Column("guard_result", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("plan_pkey")),
    )
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("plan_sync_id_created_at_idx"), ["sync_id", "created_at"], unique=False)

    op.create_table(
        "saga",
        sa.Column("saga_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("business_key", sa.String(length=200), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=80), nullable=False),
        sa.Column("pivot_passed", sa.Boolean(), nullable=False),
        sa.Column("owner_role", sa.String(length=80), nullable=False),
        sa.Column("sla_at", sa.DateTime(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("saga_id", name=op.f("saga_pkey")),
        sa.UniqueConstraint("type", "business_key", "generation", name=op.f("saga_type_business_key_generation_key")),
    )
    op.create_table(
        "xref",
        sa.Column("entity", sa.String(length=80), nullable=False),
        sa.Column("system", sa.String(length=80), nullable=False),
        sa.Column("instance", sa.String(length=80), nullable=False),
        sa.Column("ext_key", sa.String(length=200), nullable=False),
        sa.Column("canonical_id", sa.String(length=200), nullable=True),
        sa.Column("native_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("valid_from", sa.DateTime(), nullable=False),
        sa.Column("source_delivery", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("entity", "system", "instance", "ext_key", name=op.f("xref_pkey")),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("sync_id", sa.String(length=80), nullable=False),
        sa.Column("target", sa.String(length=80), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("ext_key", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("op", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_sha", sa.String(length=64), nullable=False),
        sa.Column("prev_ack_sha", sa.String(length=64), nullable=True),
        sa.Column("native_id", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=80), nullable=False),
        sa.Column("held_reason", sa.String(length=80), nullable=True),
        sa.Column("error_class", sa.String(length=80), nullable=True),
        sa.Column("error_code", sa.String(length=200), nullable=True),
        sa.Column("error_field", sa.String(length=200), nullable=True),
        sa.Column("error_text", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=True),
        sa.Column("barrier_until", sa.DateTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=200), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("depends_on", sa.JSON(), nullable=False),
        sa.Column("correlation_id", sa.String(length=200), nullable=False),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("legal_entity_code", sa.String(length=80), nullable=True),
        sa.Column("posting_date", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.plan_id"], name=op.f("delivery_plan_id_fkey")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("delivery_pkey")),
        sa.UniqueConstraint(
            "target", "object", "ext_key", "version", name=op.f("delivery_target_object_ext_key_version_key")
        ),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("delivery_correlation_id_idx", ["correlation_id"], unique=False)
        batch_op.create_index(
            "delivery_one_open_per_key",
            ["target", "object", "ext_key"],
            unique=True,
            sqlite_where=sa.text("state in ('in_flight', 'in_doubt')"),
            postgresql_where=sa.text("state in ('in_flight', 'in_doubt')"),
        )
        batch_op.create_index("delivery_sync_id_state_idx", ["sync_id", "state"], unique=False)

    op.create_table(
        "saga_step",
        sa.Column("saga_id", sa.String(length=64), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("target", sa.String(length=80), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("ext_key", sa.String(length=200), nullable=True),
        sa.Column("forward_delivery", sa.String(length=64), nullable=True),
        sa.Column("compensation_delivery", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["saga_id"], ["saga.saga_id"], name=op.f("saga_step_saga_id_fkey")),
        sa.PrimaryKeyConstraint("saga_id", "step_no", name=op.f("saga_step_pkey")),
    )
    op.create_table(
        "attempt",
        sa.Column("attempt_id", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=80), nullable=True),
        sa.Column("native_id", sa.String(length=200), nullable=True),
        sa.Column("error_code", sa.String(length=200), nullable=True),
        sa.Column("error_text_redacted", sa.Text(), nullable=True),
        sa.Column("payload_sha", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.delivery_id"], name=op.f("attempt_delivery_id_fkey")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("attempt_pkey")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("attempt_delivery_id_idx"), ["delivery_id"], unique=False)

    op.create_table(
        "exception",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", sa.String(length=64), nullable=True),
        sa.Column("saga_id", sa.String(length=64), nullable=True),
        sa.Column("sync_id", sa.String(length=80), nullable=True),
        sa.Column("class", sa.String(length=80), nullable=False),
        sa.Column("owner_role", sa.String(length=80), nullable=False),
        sa.Column("impact_amount", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("business_key", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("sla_at", sa.DateTime(), nullable=False),
        sa.Column("resolution", sa.String(length=80), nullable=True),
        sa.Column("resolved_by", sa.String(length=80), nullable=True),
        sa.Column("resolved_at", sa.DateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.delivery_id"], name=op.f("exception_delivery_id_fkey")),
        sa.ForeignKeyConstraint(["saga_id"], ["saga.saga_id"], name=op.f("exception_saga_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("exception_pkey")),
    )
    with op.batch_alter_table("exception", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("exception_resolution_idx"), ["resolution"], unique=False)


def downgrade() -> None:
    """Go back to the version before."""
    with op.batch_alter_table("exception", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("exception_resolution_idx"))

    op.drop_table("exception")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("attempt_delivery_id_idx"))

    op.drop_table("attempt")
    op.drop_table("saga_step")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("delivery_sync_id_state_idx")
        batch_op.drop_index(
            "delivery_one_open_per_key",
            sqlite_where=sa.text("state in ('in_flight', 'in_doubt')"),
            postgresql_where=sa.text("state in ('in_flight', 'in_doubt')"),
        )
        batch_op.drop_index("delivery_correlation_id_idx")

    op.drop_table("delivery")
    op.drop_table("xref")
    op.drop_table("saga")
    with op.batch_alter_table("plan", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("plan_sync_id_created_at_idx"))

    op.drop_table("plan")
    op.drop_table("control")
    op.drop_table("breaker")
    op.drop_table("ack")
