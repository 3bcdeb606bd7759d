"""One real Tryton a session: on SQLite with a year of business, on PostgreSQL with master data only.

Where Tryton can't be had (no package index) the tests are skipped with the reason; in CI that is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.clock import SystemClock
from sandbox.tryton import server
from sandbox.tryton.environment import TrytonUnavailable
from sandbox.tryton.server import Handle
from systems.tryton.client import Client
from systems.tryton.settings import TrytonSettings

HERE = Path(__file__).parent
# The first test of a fresh machine builds the template: some minutes, once.
BUILD_SECONDS = 1200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real_system)
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


def _start(serve: Callable[..., Handle], folder: Path) -> Handle:
    try:
        return serve(folder)
    except TrytonUnavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have Tryton: {reason}")
        pytest.skip(f"no Tryton here: {reason}")


@pytest.fixture(scope="session")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """The demo firm's Tryton after its year of business. Tests use their own records and leave the firm's alone."""
    handle = _start(server.serve, tmp_path_factory.mktemp("tryton"))
    yield handle
    handle.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handle]:
    """A Tryton with master data only, on PostgreSQL: what races are tested on."""
    handle = _start(server.serve_postgres, tmp_path_factory.mktemp("postgres"))
    yield handle
    handle.stop()


def client_of(handle: Handle, **changes: Any) -> Client:
    """A client of a running server; `changes` are settings."""
    settings = {
        "url": handle.url,
        "database": handle.database,
        "user": handle.user,
        "password": handle.password,
        **changes,
    }
    return Client(TrytonSettings(**settings), SystemClock(), wait=lambda _: None)


@pytest.fixture(scope="session")
def connect() -> Callable[..., Client]:
    """`client_of`, for tests that need a client of their own."""
    return client_of


@pytest.fixture
def client(tryton: Handle) -> Client:
    """A client of the demo firm."""
    return client_of(tryton)
