"""Delivers in a process of its own that a test may kill, and the handle that a test holds on it.

A scenario names a factory, `<module>:<function>`, that gets a JSON object and returns the writers and the syncs with
their rows, in order: `factory(args) -> ({target: writer}, [(SyncSpec, [DesiredRow])])`. Any target can be used: the
fakes of the sandbox, a real Tryton, or the mean target beside this file.

    scenario = Scenario(tmp_path, "tests.faults.target:factory", {"url": target.url, "capability": "F", "n": 12},
                        settle={"fake": 120})
    scenario.kill_at("after_intent")       # a real child, SIGKILL by its pid at the numbered step
    scenario.wait_out("fake")              # the settle time, on the shared clock
    scenario.run(); scenario.run()         # recover, and show that nothing is left to do

The steps are those of `reverse_etl/sending.py`, and `between_steps` between two syncs.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from common.clock import FileClock
from reverse_etl import tables as t
from reverse_etl.engine import Engine
from reverse_etl.ledger import START_WINDOW, Ledger
from reverse_etl.spec import Verdict
from reverse_etl.store import Store
from reverse_etl.summary import SyncResult

START = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
# Nothing here should take so long; a wait that does is a failed test.
PATIENCE_SECONDS = 60


class Moment(Protocol):
    """Something that a test waits for, as `threading.Event` is."""

    def wait(self, timeout: float, /) -> bool:
        """Whether it came within `timeout` seconds."""
        ...


class Scenario:
    """One control store, one clock and one list of syncs, delivered by as many processes as the test wants.

    Args:
        folder: for the ledger, the clock and the order to the child.
        factory: `<module>:<function>`, see above.
        args: what the factory gets; JSON.
        settle: by target, the settle time in seconds of the clock.
        url: the control store; a SQLite file in `folder` by default.
    """

    def __init__(
        self,
        folder: Path,
        factory: str,
        args: Mapping[str, Any],
        *,
        settle: Mapping[str, float],
        url: str | None = None,
    ) -> None:
        self._folder = folder
        self.clock = FileClock(folder / "clock.json", START)
        self.config: dict[str, Any] = {
            "factory": factory,
            "args": dict(args),
            "settle": dict(settle),
            "clock": str(folder / "clock.json"),
            "url": url or f"sqlite:///{folder / 'control.db'}",
        }
        self.store = Store(self.config["url"])
        self.store.migrate()

    def run(self) -> list[SyncResult]:
        """Deliver to the end, in this process. Returns one result a sync."""
        return play(self.config, lambda _step: None)

    def kill_at(self, step: str, nth: int = 1) -> None:
        """Deliver in a child and kill it when it reaches a step for the nth time.

        Raises:
            AssertionError: if the child ends without reaching it.
        """
        child = self._start({"step": step, "nth": nth})
        try:
            assert child.stdout is not None
            readable, _, _ = select.select([child.stdout], [], [], PATIENCE_SECONDS)
            line = child.stdout.readline() if readable else b""
            assert line == f"at {step}\n".encode(), f"the child did not reach {step}: {line!r}"
        finally:
            kill(child)

    def kill_when(self, held: Moment) -> None:
        """Deliver in a child and kill it once the target says that it holds a request.

        Raises:
            AssertionError: if that doesn't happen.
        """
        child = self._start(None)
        try:
            assert held.wait(PATIENCE_SECONDS), "the target never held a request"
        finally:
            kill(child)

    def wait_out(self, *targets: str) -> None:
        """Let the settle time of the targets pass, counted from the latest moment at which a request could start."""
        longest = max(self.config["settle"][target] for target in targets)
        self.clock.advance(START_WINDOW + timedelta(seconds=longest + 1))

    def ledger(self) -> Ledger:
        """The scenario's ledger, for a look."""
        return Ledger(self.store, self.clock, lambda target: float(self.config["settle"][target]))

    def states(self) -> dict[str, int]:
        """Deliveries by state."""
        query = sa.select(t.delivery.c.state, sa.func.count().label("n")).group_by(t.delivery.c.state)
        with self.store.reading() as db:
            return {row.state: row.n for row in db.execute(query)}

    def sends_without_intent(self) -> int:
        """Acknowledged deliveries without an attempt: there can be none."""
        attempted = sa.select(t.attempt.c.delivery_id)
        query = sa.select(sa.func.count()).where(
            t.delivery.c.state == "acked", t.delivery.c.delivery_id.not_in(attempted)
        )
        with self.store.reading() as db:
            return int(db.execute(query).scalar_one())

    def _start(self, stop: dict[str, Any] | None) -> subprocess.Popen[bytes]:
        order = self._folder / "child.json"
        order.write_text(json.dumps({**self.config, "stop": stop}))
        command = [sys.executable, str(Path(__file__)), str(order)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=env)


def kill(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL by pid, and wait until it is gone."""
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=PATIENCE_SECONDS)


def play(config: Mapping[str, Any], probe: Callable[[str], None]) -> list[SyncResult]:
    """Deliver every sync of a scenario once, in order."""
    module, _, name = config["factory"].partition(":")
    writers, steps = getattr(importlib.import_module(module), name)(config["args"])
    clock = FileClock(Path(config["clock"]), START)
    store = Store(config["url"])
    store.migrate()
    try:
        ledger = Ledger(store, clock, lambda target: float(config["settle"][target]))
        engine = Engine(ledger, clock, writers, lambda _relation, _rows: Verdict(True), probe=probe)
        results = []
        for number, (spec, rows) in enumerate(steps):
            if number:
                probe("between_steps")
            results.append(engine.run(spec, rows, "scenario"))
        return results
    finally:
        store.close()


def main() -> None:
    """The child: stop at the step that the test named, until it is killed."""
    config = json.loads(Path(sys.argv[1]).read_text())
    stop, reached = config.pop("stop"), Counter[str]()

    def probe(step: str) -> None:
        reached[step] += 1
        if stop and (step, reached[step]) == (stop["step"], stop["nth"]):
            print(f"at {step}", flush=True)
            sys.stdin.read()

    for result in play(config, probe):
        print(result.line(), flush=True)


if __name__ == "__main__":
    main()
