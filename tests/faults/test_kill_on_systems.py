"""SIGKILL of a real delivering process on the simulated firm's Salesforce, Kantata and NetSuite, and in mid-saga.

Then the settle time and two runs: the target's own commit log has one create a key, every row is there as it was
wanted, and nothing is left to send.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common.settings import Settings
from reverse_etl import saga
from reverse_etl.canonical import shows
from reverse_etl.spec import DesiredRow, SyncSpec
from reverse_etl.syncs import saga_steps, sync
from tests.faults.child import Scenario
from tests.faults.half_body import HalfBody
from tests.faults.on_systems import SENDS, TARGETS, Held, Systems, factory

pytestmark = pytest.mark.slow

Steps = Sequence[tuple[SyncSpec, Sequence[DesiredRow]]]
# More rows than the first group of requests takes, so that some are sent before the kill and some after it.
ROWS = {
    "salesforce__invoice_status": 601,
    "salesforce__opportunity_provisioning": 401,
    "kantata__project": 6,
    "netsuite__customer": 10,
    "netsuite__billing_schedule": 10,
    "netsuite__time_entry": 12,
}
SETTLE = {target: float(seconds) for target, seconds in Settings().settle_seconds.items()}
DEALS = 3
_tags = (f"k{number:03d}" for number in itertools.count())


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    running = Systems(tmp_path_factory.mktemp("systems"))
    yield running
    running.stop()


class Case:
    """One delivery to be killed: its scenario, and what its targets must show in the end."""

    def __init__(
        self, systems: Systems, folder: Path, steps: Steps, settle: dict[str, float] = SETTLE, **urls: str
    ) -> None:
        self.systems, self.steps = systems, steps
        self.args = systems.arguments(steps, **urls)
        self.scenario = Scenario(
            systems.folder,
            "tests.faults.on_systems:factory",
            self.args,
            settle=settle,
            url=f"sqlite:///{folder / 'control.db'}",
        )

    @property
    def wanted(self) -> int:
        return sum(len(rows) for _, rows in self.steps)

    def created(self, spec: SyncSpec, rows: Sequence[DesiredRow]) -> dict[str, int]:
        """Creates of our keys in the target's log."""
        log = self.systems.creates(spec)
        return {row.key: log[row.key] for row in rows if log[row.key]}

    def acked(self) -> int:
        return self.scenario.states().get("acked", 0)

    def recover(self) -> None:
        """The settle time and two runs; the second has nothing to do."""
        self.systems.quiet()
        self.scenario.wait_out(*TARGETS)
        self.scenario.run()
        last = self.scenario.run()
        assert [(result.sent, result.requests) for result in last] == [(0, 0)] * len(self.steps)
        assert self.scenario.states() == {"acked": self.wanted}
        assert self.scenario.sends_without_intent() == 0

    def judge(self) -> None:
        """One create a key in each target's log, and every row there as it was wanted."""
        writers, _ = factory(self.args)
        for spec, rows in self.steps:
            assert self.created(spec, rows) == {row.key: 1 for row in rows}
            found = writers[spec.target].read_back(spec, [row.key for row in rows])
            assert found.keys() == {row.key for row in rows}, "a key is missing at the target"
            for row in rows:
                plain = {k: v for k, v in row.payload.items() if not isinstance(v, dict)}
                assert shows(found[row.key].fields, plain), row.key


def case_of(systems: Systems, folder: Path, sync_id: str, **urls: str) -> Case:
    spec = sync("sandbox", sync_id)
    return Case(systems, folder, [(spec, systems.rows(spec, next(_tags), ROWS[sync_id]))], **urls)


each_sync = pytest.mark.parametrize("sync_id", list(ROWS))


@each_sync
@pytest.mark.parametrize("step", ["before_intent", "after_intent", "after_answer", "mid_record"])
def test_killed_at_the_second_time_of_a_step(systems: Systems, tmp_path: Path, sync_id: str, step: str) -> None:
    case = case_of(systems, tmp_path, sync_id)
    case.scenario.kill_at(step, 2)
    assert case.acked() < case.wanted
    if step == "after_intent":
        assert case.scenario.states()["in_flight"] > 0
    case.recover()
    case.judge()


@each_sync
def test_killed_in_mid_batch_with_some_rows_recorded(systems: Systems, tmp_path: Path, sync_id: str) -> None:
    case = case_of(systems, tmp_path, sync_id)
    case.scenario.kill_at("after_record")
    assert 0 < case.acked() < case.wanted
    case.recover()
    case.judge()


@each_sync
def test_killed_in_mid_body(systems: Systems, tmp_path: Path, sync_id: str) -> None:
    target = sync_id.partition("__")[0]
    relay = HalfBody(systems.url(target), *SENDS[target], nth=2)
    try:
        case = case_of(systems, tmp_path, sync_id, **{target: relay.url})
        case.scenario.kill_when(relay.held)
        assert case.scenario.states()["in_flight"] > 0
        case.recover()
        case.judge()
    finally:
        relay.close()


@each_sync
def test_killed_after_the_commit_before_the_answer(systems: Systems, tmp_path: Path, sync_id: str) -> None:
    case = case_of(systems, tmp_path, sync_id)
    ((spec, rows),) = case.steps
    systems.plan(spec.target, "hold_answer", skip=1)
    case.scenario.kill_when(Held(systems, spec.target))
    assert case.scenario.states()["in_flight"] > 0
    if spec.mode.create:
        assert len(case.created(spec, rows)) > case.acked()
    case.recover()
    case.judge()


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_between_two_steps_of_the_saga(systems: Systems, tmp_path: Path, nth: int) -> None:
    case = Case(systems, tmp_path, systems.saga(DEALS))
    case.scenario.kill_at("between_steps", nth)
    assert case.acked() == DEALS * nth
    case.recover()
    judge_saga(case)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["hold_body", "hold_answer"])
def test_killed_in_the_middle_of_a_saga_step(systems: Systems, tmp_path: Path, target: str, kind: str) -> None:
    case = Case(systems, tmp_path, systems.saga(DEALS))
    # NetSuite has two steps: its second one is struck, where the project is there already. Salesforce has one request.
    systems.plan(target, kind, skip={"netsuite": DEALS + 1, "kantata": 1, "salesforce": 0}[target])
    case.scenario.kill_when(Held(systems, target))
    assert case.acked() < case.wanted
    case.recover()
    judge_saga(case)


def judge_saga(case: Case) -> None:
    """Each deal has one customer, one project and one schedule, and its ids in the CRM are theirs."""
    case.judge()
    writers, _ = factory(case.args)
    found: dict[str, dict[str, Any]] = {
        spec.object: writers[spec.target].read_back(spec, [row.key for row in rows]) for spec, rows in case.steps
    }
    for deal, shown in found["opportunity_provisioning"].items():
        customer = found["customer"][f"salesforce_{deal}"].native_id
        project = found["project"][f"opp:{deal}:1"].native_id
        schedule = found["billing_schedule"][f"opp_{deal}_1"]
        assert shows(
            shown.fields,
            {
                "PSA_Project_Id__c": project,
                "ERP_Customer_Id__c": customer,
                "Billing_Schedule_Id__c": schedule.native_id,
            },
        )
        assert shows(schedule.fields, {"custrecord_bs_customer": customer, "custrecord_bs_project": project})
    outboxes = {spec.sync_id: rows for spec, rows in case.steps}
    sagas = saga.advance(case.scenario.ledger(), case.scenario.clock, saga_steps("sandbox"), outboxes)
    assert [one.state for one in sagas] == ["completed"] * DEALS


@pytest.mark.parametrize(("settle", "state", "creates"), [(SETTLE["kantata"], "in_doubt", 1), (0.0, "ready", 2)])
def test_a_late_commit_within_the_settle_time_is_not_doubled(
    systems: Systems, tmp_path: Path, settle: float, state: str, creates: int
) -> None:
    """Kantata commits a lost request 100 s later. With no settle time it is created twice: this file can fail."""
    spec = sync("sandbox", "kantata__project")
    steps = [(spec, systems.rows(spec, next(_tags), 1))]
    case = Case(systems, tmp_path, steps, settle={**SETTLE, "kantata": settle})
    systems.plan("kantata", "late_commit", delay=100.0)
    case.scenario.run()
    assert case.scenario.states() == {state: 1}
    case.scenario.wait_out("kantata")
    case.scenario.run()
    case.scenario.clock.advance(timedelta(seconds=100))
    # A question to the account, so that what is due there happens.
    factory(case.args)[0]["kantata"].read_back(spec, [row.key for row in steps[0][1]])
    assert list(case.created(*steps[0]).values()) == [creates]
