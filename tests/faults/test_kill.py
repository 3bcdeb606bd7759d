"""SIGKILL of a real delivering process at every numbered step, for each class of target.

Then the settle time and two runs: one create a key in the target's own log, and nothing missing. A blind target may
park rows for a person, but only those that were in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from common.clock import FileClock
from reverse_etl import tables as t
from tests.faults.child import START, Scenario
from tests.faults.target import Fault, Target

N = 12
SETTLE = 120.0


@pytest.fixture
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Target]:
    fake = Target(FileClock(tmp_path / "clock.json", START), request.param, tmp_path / "commits.jsonl")
    stop = fake.serve()
    yield fake
    stop()


def scenario(tmp_path: Path, target: Target, **args: object) -> Scenario:
    args = {"url": target.url, "capability": target.capability, "n": N, **args}
    return Scenario(tmp_path, "tests.faults.target:factory", args, settle={"fake": SETTLE})


def recover_and_judge(played: Scenario, target: Target, *, wanted: int = N) -> None:
    """The settle time and two runs, then the invariants."""
    target.faults = []
    target.release.set()
    in_flight = played.states().get("in_flight", 0)
    played.wait_out("fake")
    played.run()
    last = played.run()
    creates = target.creates()
    states = played.states()
    parked = states.pop("parked", 0)
    assert max(creates.values()) == 1, f"a key was created twice: {creates}"
    assert set(states) == {"acked"}
    assert states["acked"] + parked == wanted, f"rows without an outcome: {states}"
    if target.capability == "B":
        assert parked <= in_flight <= 1
    else:
        assert parked == 0
        assert len(creates) == wanted, "a key is missing at the target"
    assert sum(result.sent + result.requests for result in last) == 0, "the last run still had something to send"
    assert played.sends_without_intent() == 0


each_class = pytest.mark.parametrize("target", ["U", "K", "F", "B"], indirect=True)


@each_class
@pytest.mark.parametrize("step", ["before_intent", "after_intent", "after_answer", "mid_record"])
def test_killed_at_the_second_time_of_a_step(tmp_path: Path, target: Target, step: str) -> None:
    played = scenario(tmp_path, target)
    played.kill_at(step, 2)
    assert played.states().get("acked", 0) < N
    recover_and_judge(played, target)


@each_class
def test_killed_in_mid_batch_with_some_rows_recorded(tmp_path: Path, target: Target) -> None:
    played = scenario(tmp_path, target)
    played.kill_at("after_record", 1)
    assert 0 < played.states()["acked"] < N
    recover_and_judge(played, target)


@each_class
def test_killed_in_mid_body(tmp_path: Path, target: Target) -> None:
    # More than the sockets' buffers hold, so that the client is in the middle of its request.
    few, size = (6, 2_000_000) if target.capability == "U" else (3, 6_000_000)
    played = scenario(tmp_path, target, n=few, note_bytes=size)
    target.faults = [Fault("hold_body", frozenset({2}))]
    played.kill_when(target.held)
    assert played.states()["in_flight"] > 0
    recover_and_judge(played, target, wanted=few)


@each_class
def test_killed_after_the_commit_before_the_answer(tmp_path: Path, target: Target) -> None:
    played = scenario(tmp_path, target)
    target.faults = [Fault("hold_answer", frozenset({2}))]
    played.kill_when(target.held)
    assert len(target.commits) > len(acked_keys(played))
    recover_and_judge(played, target)


@each_class
def test_killed_between_two_steps_of_a_chain(tmp_path: Path, target: Target) -> None:
    played = scenario(tmp_path, target, objects=["customer", "project"])
    played.kill_at("between_steps")
    assert {commit.object for commit in target.commits} == {"customer"}
    recover_and_judge(played, target, wanted=2 * N)


@pytest.mark.parametrize("target", ["F"], indirect=True)
def test_the_kill_test_can_fail(tmp_path: Path, target: Target) -> None:
    # Without the settle time the read-back comes before the late commit: the row is created twice.
    played = Scenario(
        tmp_path,
        "tests.faults.target:factory",
        {"url": target.url, "capability": "F", "n": 1},
        settle={"fake": 0.0},
    )
    target.faults = [Fault("late", frozenset({1}), seconds=300)]
    played.run()
    target.faults = []
    played.wait_out("fake")
    played.run()
    played.clock.advance(timedelta(seconds=300))
    assert max(target.creates().values()) == 2


def acked_keys(played: Scenario) -> set[str]:
    with played.store.reading() as db:
        return {row.ext_key for row in db.execute(select(t.ack.c.ext_key))}
