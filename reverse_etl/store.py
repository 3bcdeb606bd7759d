"""Opens the control store: SQLite (WAL, every commit on disk) or PostgreSQL, migrated to the newest schema.

Only connections, transactions and migration; what is kept is in `tables.py`, what it means in `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """One control store. Safe for threads; each `writing` block is one transaction that is on disk when it ends.

    Args:
        url: SQLAlchemy address, `sqlite:///<file>` or `postgresql+psycopg://...`. A missing SQLite file is made.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        if self.is_sqlite and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(address, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def migrate(self) -> None:
        """Bring the schema to the newest version; does nothing where it is already there."""
        from alembic import command
        from alembic.config import Config
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        newest = ScriptDirectory.from_config(config).get_current_head()
        with self.engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
        if present == newest:
            return
        with self.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; committed at the end, rolled back on an error."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view that blocks no writer."""
        with self.engine.connect().execution_options(sqlite_begin="begin") as connection, connection.begin():
            yield connection

    def upsert(self, table: Table, update: tuple[str, ...]) -> Any:
        """INSERT that updates the columns `update` where the primary key is there already."""
        dialect = sqlite if self.is_sqlite else postgresql
        statement = dialect.insert(table)
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in update},
        )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling commits behind our back; we say BEGIN ourselves.
    connection.isolation_level = None
    for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "busy_timeout=30000"):
        connection.execute(f"pragma {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts as a reader and then writes can fail with "database is locked" at once.
    begin = connection.get_execution_options().get("sqlite_begin", "begin immediate")
    connection.exec_driver_sql(str(begin))
