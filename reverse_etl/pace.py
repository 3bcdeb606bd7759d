"""How many requests go at once: more while the target keeps up, half as many when it says that it is too much."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A target that keeps up is given one more request at a time after this many good answers in a row.
_GOOD_ANSWERS_PER_STEP = 10


class Pace:
    """A limit on requests in flight that moves between one and `most`. Safe for threads.

    Args:
        most: the sync's `parallel`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = max(1, (most + 1) // 2)
        self._active = 0
        self._good = 0
        self._changed = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places; waits while all are taken."""
        with self._changed:
            while self._active >= self.limit:
                self._changed.wait()
            self._active += 1
        try:
            yield
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify()

    def answered(self) -> None:
        """A request was answered in full."""
        with self._changed:
            self._good += 1
            if self._good >= _GOOD_ANSWERS_PER_STEP and self.limit < self._most:
                self.limit += 1
                self._good = 0
                self._changed.notify()

    def too_much(self) -> None:
        """The target refused a request for its load."""
        with self._changed:
            self.limit = max(1, self.limit // 2)
            self._good = 0
