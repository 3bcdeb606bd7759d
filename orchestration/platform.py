"""What assets and commands work with: settings, clock, dbt and the way to tell a person what happens.

Built once per process and handed to Dagster as the resource `platform`. Holds no business rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import Clock
from common.settings import Settings, settings
from orchestration.dbt import Dbt


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


@dataclass
class Platform:
    """The active firm's platform."""

    config: Settings
    clock: Clock
    dbt: Dbt
    tell: Callable[[Step], None] = tell_nobody
    # What this process has done so far, for the run's summary.
    steps: list[Step] = field(default_factory=list)

    def report(self, step: Step) -> None:
        """Keep a step for the summary and tell whoever listens."""
        self.steps.append(step)
        self.tell(step)


def platform(tell: Callable[[Step], None] = tell_nobody) -> Platform:
    """The platform as the environment describes it now."""
    config = settings()
    clock = config.clock()
    return Platform(config, clock, Dbt(config, clock), tell)
