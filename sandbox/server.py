"""Starts the fakes of one simulated firm: one HTTP server a system, all in one process, state in files.

`python -m sandbox.server` is what `make run` starts as a child; tests call `Servers` in their own process. A first
start fills the fakes with the firm's history; later starts find it there. `POST /_control/tick?days=7` on any
of them lets the firm live on.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn

from common.clock import Clock, FileClock
from common.settings import Settings, settings
from sandbox.fakes.store import Store, iso
from sandbox.faults import Misbehave
from sandbox.truth import Truth

SYSTEMS = ("salesforce", "kantata", "netsuite", "bamboohr")


class Quiet(uvicorn.Server):
    """A uvicorn server in a thread: it leaves the process's signals alone."""

    def install_signal_handlers(self) -> None:
        """Signals belong to whoever started us."""


class Fake:
    """One running fake system.

    Args:
        system: slug; the module `sandbox.fakes.<system>` has `app`, `load`, `tick` and `INDEXED`.
        path: its state file.
        port: 0 takes a free one.
        tls: (certificate file, key file) where an independent client insists on TLS.
    """

    def __init__(
        self, system: str, path: Path, clock: Clock, port: int = 0, tls: tuple[str, str] | None = None
    ) -> None:
        self.system = system
        self.module = importlib.import_module(f"sandbox.fakes.{system}")
        self.store = Store(path, indexed=self.module.INDEXED)
        self.clock = clock
        # asyncio turns Nagle's delay off only where the protocol is named; else each answer waits 40 ms.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.misbehave = Misbehave(self.module.app(self.store, clock), self.store, clock)
        app = self.misbehave
        config = uvicorn.Config(
            app,
            log_level="critical",
            lifespan="off",
            access_log=False,
            http="h11",
            loop="asyncio",
            timeout_graceful_shutdown=1,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        self._server = Quiet(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True, name=system)

    def start(self) -> Fake:
        """Serve in a thread; returns once the port accepts connections (it is already bound and listening)."""
        self._socket.listen(128)
        self._thread.start()
        return self

    def fill(self, truth: Truth) -> bool:
        """Load the firm's history, once. Returns whether there was anything to do."""
        if self.store.setting("filled_at") is not None:
            return False
        with self.store.atomic():
            self.module.load(self.store, truth, truth.today)
            self.store.set_setting("filled_at", iso(truth.today))
        return True

    def live(self, truth: Truth, since: datetime, until: datetime) -> int:
        """Apply what happened to the firm in (since, until]; returns how many records changed."""
        with self.store.atomic():
            return int(self.module.tick(self.store, truth, since, until))

    def stop(self) -> None:
        """Stop serving and close the state file."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._socket.close()
        self.store.close()


class Servers:
    """All fakes of one firm."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        truth: Truth,
        ports: Iterable[int] | None = None,
        systems: Iterable[str] = SYSTEMS,
    ) -> None:
        wanted = list(systems)
        given = list(ports) if ports is not None else [0] * len(wanted)
        self.truth = truth
        self.clock = clock
        self.fakes = {s: Fake(s, folder / f"{s}.db", clock, p) for s, p in zip(wanted, given, strict=True)}

    def start(self) -> Servers:
        """Fill what is empty and serve."""
        for fake in self.fakes.values():
            fake.misbehave.on_tick = self.tick
            fake.fill(self.truth)
            fake.start()
        return self

    def environment(self) -> dict[str, str]:
        """The variables by which the platform's clients find these fakes and log in."""
        found: dict[str, str] = {}
        for fake in self.fakes.values():
            found |= fake.module.environment(fake.url)
        return found

    def tick(self, days: float) -> dict[str, int]:
        """Let the firm live for `days`. Returns records changed by system.

        Raises:
            ValueError: past the firm's known future.
        """
        clock = self.clock
        since = clock.now()
        until = since + timedelta(days=days)
        if until > self.truth.today + timedelta(days=60):
            raise ValueError("the simulated firm's future is 60 days long; `make clean` starts it anew")
        changed = {name: fake.live(self.truth, since, until) for name, fake in self.fakes.items()}
        clock.advance(timedelta(days=days))  # type: ignore[attr-defined]
        return changed

    def stop(self) -> None:
        """Stop them all."""
        for fake in self.fakes.values():
            fake.stop()


def free_ports(first: int, count: int) -> list[int]:
    """`count` ports from `first` on that nobody listens on; the next free one where one is taken."""
    found: list[int] = []
    port = first
    while len(found) < count and port < first + 500:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pass
            else:
                found.append(port)
        port += 1
    if len(found) < count:
        raise OSError(f"no {count} free ports from {first} on; set THROUGHLINE_FAKES_PORT")
    return found


def firm_truth(config: Settings) -> Truth:
    """The truth of the configured firm."""
    from sandbox.firm import build

    return build(config.firm_start, config.firm_seed, config.firm_scale)


def main() -> None:
    """Serve until standard input ends (so that the fakes never outlive the command that started them).

    Prints one JSON line with the environment once ready, and leaves the same beside the state, so that another
    command of the same firm finds the running fakes.
    """
    import sys

    config = settings()
    clock = config.clock()
    if not isinstance(clock, FileClock):
        raise SystemExit("the sandbox needs THROUGHLINE_FIRM=sandbox")
    folder = config.home / "systems"
    ports = free_ports(config.fakes_port, len(SYSTEMS))
    servers = Servers(folder, clock, firm_truth(config), ports).start()
    note = folder / "running.json"
    ready = {
        "pid": os.getpid(),
        "environment": servers.environment(),
        "control": next(iter(servers.fakes.values())).url + "/_control/tick",
        "systems": {name: fake.url for name, fake in servers.fakes.items()},
    }
    note.write_text(json.dumps(ready))
    print(json.dumps(ready), flush=True)
    try:
        sys.stdin.read()
    finally:
        note.unlink(missing_ok=True)
        servers.stop()


if __name__ == "__main__":
    main()
