"""What assets and commands work with: settings, clock, dbt, ledger, and the way to tell a person what happens.

Built once per process and handed to Dagster as the resource `platform`. Holds no business rule.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from common.clock import Clock
from common.settings import Settings, settings
from orchestration.built import Built
from orchestration.dbt import Dbt
from reverse_etl.spec import Gate, SyncSpec, Writer
from systems.http import wait_on_the_wall


@dataclass(frozen=True)
class Step:
    """One line of progress. `rows` is None where a step counts none."""

    phase: str
    name: str
    rows: int | None
    seconds: float
    detail: str = ""


def tell_nobody(step: Step) -> None:
    """The default: Dagster's own log has it anyway."""


class Writers(dict[str, Writer]):
    """Writers by target, connected when they are first asked for."""

    def __missing__(self, target: str) -> Writer:
        made: Writer = importlib.import_module(f"reverse_etl.writers.{target}").connect()
        self[target] = made
        return made


@dataclass
class Platform:
    """The active firm's platform."""

    config: Settings
    clock: Clock
    dbt: Dbt
    tell: Callable[[Step], None] = tell_nobody
    # What this process has done so far, for the run's summary.
    steps: list[Step] = field(default_factory=list)
    delivered: list[Any] = field(default_factory=list)
    writers: Writers = field(default_factory=Writers)
    # Set by the model's step: nothing that it is built from changed, so there is nothing to publish either.
    unchanged: bool = False

    def __post_init__(self) -> None:
        # What the model was last built from.
        self.built = Built(self.config, self.clock, self.dbt)

    def report(self, step: Step) -> None:
        """Keep a step for the summary and tell whoever listens."""
        self.steps.append(step)
        self.tell(step)

    def settle_seconds(self, target: str) -> float:
        """How long a target may take to commit what it was sent."""
        table = self.config.settle_seconds
        return float(table.get(target, table["default"]))

    @contextmanager
    def ledger(self) -> Iterator[Any]:
        """The control store, migrated to the newest schema; closed afterwards."""
        from reverse_etl.ledger import Ledger
        from reverse_etl.store import Store

        self.config.home.mkdir(parents=True, exist_ok=True)
        store = Store(self.config.control_store_url)
        try:
            store.migrate()
            yield Ledger(store, self.clock, self.settle_seconds)
        finally:
            store.close()

    @contextmanager
    def engine(self, gate: Gate) -> Iterator[Any]:
        """The delivery engine on the control store."""
        from reverse_etl.engine import Engine
        from reverse_etl.guard import Limits

        with self.ledger() as ledger:
            yield Engine(
                ledger, self.clock, self.writers, gate, Limits(max_rows=self.config.plan_max_rows), pause=self._pause
            )

    def _pause(self, seconds: float) -> bool:
        """Wait a short pause out. A simulated firm's time doesn't pass by waiting, but its fakes' patience does."""
        wait_on_the_wall(seconds)
        return True

    def syncs(self) -> tuple[SyncSpec, ...]:
        """What the active firm pushes."""
        from reverse_etl.syncs import syncs

        return syncs(self.config.firm)


def platform(tell: Callable[[Step], None] = tell_nobody) -> Platform:
    """The platform as the environment describes it now."""
    config = settings()
    clock = config.clock()
    return Platform(config, clock, Dbt(config, clock), tell)
