"""Runs the migrations on the connection that `store.Store.migrate` hands over. Nothing else starts them."""

from __future__ import annotations

from alembic import context

from reverse_etl.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
