"""Several chains of pages followed side by side: one chain is bound by its latency, several are not.

Knows neither HTTP nor a vendor: iterators in, their items as they come out.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")

_END: Any = object()


def side_by_side(chains: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """What all chains yield, as it comes, each chain in a thread. At most two items a chain wait to be taken.

    A single chain is followed in the caller's own thread.

    Raises:
        Exception: the first one that a chain raised; the others are stopped.
    """
    if len(chains) == 1:
        yield from chains[0]
        return
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

    with ThreadPoolExecutor(len(chains), thread_name_prefix="chain") as pool:
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
