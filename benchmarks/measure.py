"""Runs a way of doing something in a child process and reads off what it cost."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Cost:
    """CPU seconds of the child and its children (user and system), wall seconds, peak memory in MB."""

    cpu: float
    wall: float
    peak_mb: float


def child(module: str, arguments: Sequence[str], environment: dict[str, str] | None = None) -> Cost:
    """Run `python -m module arguments` and wait for it.

    Raises:
        SystemExit: if it failed, with its last words.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    wall = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, after.ru_maxrss / 1024)


def median_of(runs: int, module: str, arguments: Sequence[str]) -> Cost:
    """The median cost of some runs. Peak memory is the largest of any child so far."""
    costs = [child(module, arguments) for _ in range(runs)]
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs), max(c.peak_mb for c in costs))


def machine() -> str:
    """What the figures were measured on."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} cores, {pages * size / 2**30:.0f} GiB, Python {platform.python_version()}"
