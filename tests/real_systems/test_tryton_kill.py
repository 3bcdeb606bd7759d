"""SIGKILL of a real process that delivers to a real Tryton, at every numbered step and on the wire.

Then the settle time and two runs: every key is there, once, and nothing is left to send.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from reverse_etl import tables as t  # noqa: E402
from sandbox.tryton.server import Handle  # noqa: E402
from systems.tryton.client import Client  # noqa: E402
from tests.faults.child import Scenario  # noqa: E402
from tests.real_systems.meddler import Meddler  # noqa: E402

N = 4
CREATE = {"customer": b"model.party.party.create", "project": b"model.project.work.create"}
_tags = itertools.count(900001)

each_object = pytest.mark.parametrize("object_", ["customer", "project"])


class Played:
    """One scenario against the real server, and what the server holds of it."""

    def __init__(
        self, folder: Path, handle: Handle, client: Client, objects: list[str], url: str | None = None
    ) -> None:
        deal = client.find(
            "sale.opportunity", [["state", "=", "won"], ["sales.lines.unit.symbol", "=", "h"]], ["party", "company"], 1
        )[0]
        self.client, self.objects, self.tag = client, objects, next(_tags)
        args: dict[str, Any] = {
            "settings": {
                "url": url or handle.url, "database": handle.database, "user": handle.user,
                "password": handle.password, "timeout_seconds": 20,
            },
            "tag": self.tag, "party": deal["party"], "company": deal["company"], "deal": deal["id"], "n": N,
            "objects": objects,
        }  # fmt: skip
        self.scenario = Scenario(folder, "tests.real_systems.meddler:factory", args, settle={"tryton": 120.0})

    def held(self, object_: str) -> list[str]:
        """The keys that Tryton holds of this scenario, one for each record."""
        if object_ == "customer":
            return [
                row["code"]
                for row in self.client.find("party.party", [["code", "like", f"kill:{self.tag}:%"]], ["code"])
            ]
        rows = self.client.find("project.work", [["comment", "like", f"[opp:{self.tag}%"]], ["comment"])
        return [row["comment"].strip("[]") for row in rows]

    def recover_and_judge(self) -> None:
        self.scenario.wait_out("tryton")
        self.scenario.run()
        last = self.scenario.run()
        for object_ in self.objects:
            held = self.held(object_)
            assert len(held) == len(set(held)) == N, held
        query = select(t.delivery.c.state, func.count().label("n")).group_by(t.delivery.c.state)
        with self.scenario.store.reading() as db:
            assert {row.state: row.n for row in db.execute(query)} == {"acked": N * len(self.objects)}
        assert sum(result.sent + result.requests for result in last) == 0


@pytest.fixture
def meddlers() -> Iterator[list[Meddler]]:
    used: list[Meddler] = []
    yield used
    for meddler in used:
        meddler.close()


@each_object
@pytest.mark.parametrize("step", ["before_intent", "after_intent", "after_answer", "mid_record", "after_record"])
def test_killed_at_the_second_time_of_a_step(
    tmp_path: Path, tryton: Handle, client: Client, object_: str, step: str
) -> None:
    played = Played(tmp_path, tryton, client, [object_])
    played.scenario.kill_at(step, 2)
    assert len(played.held(object_)) < N
    played.recover_and_judge()


@each_object
@pytest.mark.parametrize("fault", ["hold_body", "hold_answer"])
def test_killed_on_the_wire(
    tmp_path: Path, tryton: Handle, client: Client, object_: str, fault: Any, meddlers: list[Meddler]
) -> None:
    meddler = Meddler(tryton.url, fault, CREATE[object_], nth=2)
    meddlers.append(meddler)
    played = Played(tmp_path, tryton, client, [object_], url=meddler.url)
    played.scenario.kill_when(meddler.held)
    # The second one is there although nobody heard of it, or is not there although it was nearly sent.
    if fault == "hold_answer":
        assert len(played.held(object_)) == 2
    meddler.let_go.set()
    if fault == "hold_body":
        assert len(played.held(object_)) == 1
    played.recover_and_judge()


def test_killed_between_two_steps_of_a_chain(tmp_path: Path, tryton: Handle, client: Client) -> None:
    played = Played(tmp_path, tryton, client, ["customer", "project"])
    played.scenario.kill_at("between_steps")
    assert len(played.held("customer")) == N
    assert played.held("project") == []
    played.recover_and_judge()
