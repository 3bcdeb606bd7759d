"""Reading one large object as several queries side by side: a chain of pages is bound by its latency, ranges are not.

Knows neither HTTP nor SOQL: instants in, ranges out; iterators in, their items as they come out.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

Item = TypeVar("Item")

_END: Any = object()


def split(first: datetime, last: datetime, parts: int) -> list[tuple[datetime | None, datetime | None]]:
    """`parts` half-open ranges [from, to) of equal length from `first` to `last`.

    The outer ends are open, so a row that changes while we read has a range too: one that moves behind a range which
    was read already comes with the next read's overlap.
    """
    step = (last - first) / parts
    edges = [first + step * number for number in range(1, parts)]
    if step.total_seconds() < 1:
        return [(None, None)]
    return list(zip([None, *edges], [*edges, None], strict=True))


def side_by_side(chains: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """What all chains yield, as it comes, each chain in a thread. At most two items a chain wait to be taken.

    Raises:
        Exception: the first one that a chain raised; the others are stopped.
    """
    waiting: queue.Queue[Any] = queue.Queue(maxsize=2 * len(chains))
    stopped = threading.Event()

    def put(what: Any) -> None:
        while not stopped.is_set():
            try:
                waiting.put(what, timeout=0.1)
            except queue.Full:
                continue
            return

    def run(chain: Iterator[Item]) -> None:
        try:
            for item in chain:
                put(item)
                if stopped.is_set():
                    return
        except Exception as error:
            put(error)
        else:
            put(_END)

    with ThreadPoolExecutor(len(chains), thread_name_prefix="salesforce") as pool:
        for chain in chains:
            pool.submit(run, chain)
        try:
            running = len(chains)
            while running:
                what = waiting.get()
                if isinstance(what, Exception):
                    raise what
                if what is _END:
                    running -= 1
                else:
                    yield what
        finally:
            stopped.set()
