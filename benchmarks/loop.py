"""The loop's wall time by phase on 24 months of the simulated firm, from an empty state: every row is new."""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict

from benchmarks.measure import machine


def measured_run() -> tuple[dict[str, float], float, int]:
    """Run the loop on the firm of the environment. Returns seconds by phase, the whole, and rows read."""
    from orchestration import demo
    from orchestration.cli import _dagster_home
    from orchestration.loop import run_loop
    from orchestration.platform import platform

    here = platform()
    _dagster_home(here.config)
    systems = demo.start(here.config)
    systems.enter()
    try:
        started = time.perf_counter()
        outcome = run_loop(here)
        whole = time.perf_counter() - started
    finally:
        systems.stop()
    if outcome.error:
        raise SystemExit(outcome.error)
    phases: dict[str, float] = defaultdict(float)
    for step in here.steps:
        phases[step.phase] += step.seconds
    rows = sum(step.rows or 0 for step in here.steps if step.phase == "read")
    return dict(phases), whole, rows


def show(title: str, phases: dict[str, float], whole: float, rows: int) -> None:
    """Print one run's phases with their share of the whole."""
    print(f"\n{title} ({machine()}); {rows:,} new versions read")
    for phase, seconds in phases.items():
        print(f"{phase:<10}{seconds:>8.1f} s{seconds / whole:>8.0%}")
    print(f"{'whole':<10}{whole:>8.1f} s")


def main() -> None:
    """Measure a first run."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["THROUGHLINE_STATE_DIR"] = state
        show("First run, 24 months of the firm", *measured_run())
