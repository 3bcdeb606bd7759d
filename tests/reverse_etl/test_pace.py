"""The limit on requests in flight: up one at a time, down by half, never out of its bounds."""

from __future__ import annotations

import threading

from reverse_etl.pace import Pace


def test_it_starts_at_half_and_climbs_to_the_limit_of_the_sync() -> None:
    pace = Pace(10)
    assert pace.limit == 5
    for _ in range(1000):
        pace.answered()
    assert pace.limit == 10


def test_it_halves_when_it_is_too_much_and_never_stops() -> None:
    pace = Pace(10)
    limits = []
    for _ in range(4):
        pace.too_much()
        limits.append(pace.limit)
    assert limits == [2, 1, 1, 1]


def test_no_more_than_the_limit_are_in_a_slot_at_once() -> None:
    pace, lock, go = Pace(6), threading.Lock(), threading.Event()
    inside = most = 0

    def request() -> None:
        nonlocal inside, most
        with pace.slot():
            with lock:
                inside += 1
                most = max(most, inside)
                if most == pace.limit:
                    go.set()
            go.wait(10)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=request) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (most, inside) == (3, 0)
