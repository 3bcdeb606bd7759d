"""Starts and ends Tryton's server on a loopback port. It never outlives whoever started it.

`serve(state_dir)` is what the demo calls: the year-of-business template is copied into the state folder the first
time, and found there again the next. Tests call `serve` with a temporary folder, or `serve_postgres`.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from common.clock import Clock, SystemClock
from sandbox.tryton import template
from sandbox.tryton.environment import TrytonUnavailable, ensure
from sandbox.tryton.postgres import Cluster, free_port
from sandbox.tryton.template import Progress, quiet

START_SECONDS = 60
ATTEMPTS = 3


class Handle:
    """A running server.

    Args:
        process: the keeper process whose standard input we hold.
        also_stop: what else goes when the server goes.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, user: str, password: str, log: Path,
        also_stop: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._process = process
        self._also_stop = also_stop
        self.url = f"http://127.0.0.1:{port}"
        self.database = template.DATABASE
        self.user = user
        self.password = password
        # Address of the PostgreSQL behind it, without a database; empty on SQLite.
        self.postgres = ""
        self.log = log

    @property
    def pid(self) -> int:
        """Process id of the keeper; ending it ends the server."""
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The variables that `systems.tryton.settings` reads."""
        return {
            "THROUGHLINE_TRYTON_URL": self.url,
            "THROUGHLINE_TRYTON_DATABASE": self.database,
            "THROUGHLINE_TRYTON_USER": self.user,
            "THROUGHLINE_TRYTON_PASSWORD": self.password,
        }

    def end(self) -> None:
        """End the server process and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)

    def stop(self) -> None:
        """End the server, and what was started with it."""
        self.end()
        if self._also_stop:
            self._also_stop()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = json.dumps({"id": 0, "method": "common.server.version", "params": []})
        connection.request("POST", "/rpc/", body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _start(folder: Path, uri: str, user: str, password: str, also_stop: Callable[[], None] | None = None) -> Handle:
    environment = ensure()
    log = folder / "trytond.log"
    for _ in range(ATTEMPTS):
        port = free_port()
        conf = template.configuration(folder, uri, port)
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(Path(__file__).with_name("keep.py").resolve()), "TERM", "-",
                 # A database that is not named here answers logins with an error.
                 str(environment.trytond), "-c", str(conf), "-d", template.DATABASE],
                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            )  # fmt: skip
        handle = Handle(process, port, user, password, log, also_stop)
        for _ in range(START_SECONDS * 10):
            if _answers(port):
                return handle
            try:
                process.wait(timeout=0.1)
                break  # it ended: the port was taken meanwhile, or something is wrong
            except subprocess.TimeoutExpired:
                continue
        handle.end()
    if also_stop:
        also_stop()
    raise TrytonUnavailable(
        f"Tryton's server did not start; the end of {log}: {log.read_text(errors='replace')[-400:]}"
    )


def serve(state_dir: Path, *, clock: Clock | None = None, progress: Progress = quiet) -> Handle:
    """The demo firm's Tryton on SQLite, its database in `state_dir / "tryton"`: a year of business, then what came after.

    Raises:
        TrytonUnavailable: the environment can't be installed, the template can't be built or the server won't start.
    """
    folder = state_dir / "tryton"
    folder.mkdir(parents=True, exist_ok=True)
    database, secret = folder / f"{template.DATABASE}.sqlite", folder / "login.json"
    if not (database.exists() and secret.exists()):
        source, source_secret = template.business(clock or SystemClock(), progress)
        template.copy(source, database)
        secret.touch(mode=0o600)
        secret.write_bytes(source_secret.read_bytes())
    login = json.loads(secret.read_text())
    return _start(folder, "sqlite://", login["user"], login["password"])


def serve_postgres(state_dir: Path, *, clock: Clock | None = None, progress: Progress = quiet) -> Handle:
    """A Tryton with master data only on a private PostgreSQL; both are gone after `stop`.

    Raises:
        TrytonUnavailable: as `serve`, or PostgreSQL can't be had.
    """
    folder = state_dir / "tryton-postgres"
    folder.mkdir(parents=True, exist_ok=True)
    archive, secret = template.master(clock or SystemClock(), progress)
    login = json.loads(secret.read_text())
    cluster = Cluster(archive)
    try:
        cluster.start()
        handle = _start(folder, cluster.uri, login["user"], login["password"], also_stop=cluster.stop)
        handle.postgres = cluster.uri
        return handle
    except BaseException:
        cluster.stop()
        raise
