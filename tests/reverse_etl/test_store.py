"""The control store: migrations and tables agree, commits are durable, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

from reverse_etl import tables as t
from reverse_etl.store import Store


def test_the_migrations_make_exactly_the_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, t.metadata) == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.migrate()
    with store.reading() as db:
        assert db.execute(select(t.plan)).all() == []


def test_every_sqlite_commit_is_on_disk_and_keys_are_enforced(store: Store) -> None:
    if not store.is_sqlite:
        pytest.skip("SQLite's own settings")
    with store.reading() as db:
        found = {name: db.execute(text(f"pragma {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert found == {"journal_mode": "wal", "synchronous": 2}
        assert db.execute(text("pragma foreign_keys")).scalar() == 1


def test_an_instant_comes_back_as_it_went(store: Store) -> None:
    at = datetime(2026, 10, 15, 6, 0, 0, 123456, tzinfo=UTC)
    with store.writing() as db:
        db.execute(t.control.insert(), {"scope": "all", "enabled": True, "reason": "", "by": "x", "at": at})
    with store.reading() as db:
        assert db.execute(select(t.control.c.at)).scalar() == at


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    row = {"scope": "all", "enabled": True, "reason": "", "by": "x", "at": datetime(2026, 10, 15)}  # noqa: DTZ001
    with pytest.raises(Exception, match="zone"), store.writing() as db:
        db.execute(t.control.insert(), row)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    at = datetime(2026, 10, 15, tzinfo=UTC)
    row = {"scope": "all", "enabled": True, "reason": "", "by": "x", "at": at}

    def write_and_fail() -> None:
        with store.writing() as db:
            db.execute(t.control.insert(), row)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_and_fail()
    with store.reading() as db:
        assert db.execute(select(t.control)).all() == []
