"""The one injected clock. Business code asks it for the time and never calls the wall clock by itself.

A simulated firm lives on virtual time that moves only when somebody ticks it, so a run is reproducible to the
second; a real firm lives on the machine's time. Durations that guard processes against each other (leases) use
the control store's clock, which is built from one of these.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Always an aware UTC timestamp."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        ...


class SystemClock:
    """The machine's clock: what a real firm runs on."""

    def now(self) -> datetime:
        """The current instant, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that may


class ManualClock:
    """A clock that a test holds in its hand."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._at

    def advance(self, delta: timedelta) -> datetime:
        """Move forward by `delta` and return the new instant.

        Raises:
            ValueError: if `delta` is negative; time does not run backwards.
        """
        if delta < timedelta(0):
            raise ValueError(f"a clock does not run backwards: {delta}")
        self._at += delta
        return self._at


class FileClock:
    """Virtual time kept in a small file, shared by every process of one simulated firm.

    The file is replaced atomically, so a reader sees the old instant or the new one.
    """

    def __init__(self, path: Path, start: datetime) -> None:
        self._path = path
        self._start = start

    def now(self) -> datetime:
        """The file's instant; the start where no tick has happened yet."""
        try:
            return datetime.fromisoformat(json.loads(self._path.read_text())["now"])
        except FileNotFoundError:
            return self._start

    def advance(self, delta: timedelta) -> datetime:
        """Move forward by `delta` and return the new instant.

        Raises:
            ValueError: if `delta` is negative.
        """
        if delta < timedelta(0):
            raise ValueError(f"a clock does not run backwards: {delta}")
        at = self.now() + delta
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        with scratch.open("w") as handle:
            handle.write(json.dumps({"now": at.isoformat()}))
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(self._path)
        return at
