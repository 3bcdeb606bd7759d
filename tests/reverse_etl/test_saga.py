"""Opportunity to project over three systems: ids flow back, and a deal that is stuck is on somebody's list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from common.clock import ManualClock
from reverse_etl import tables as t
from reverse_etl.engine import Engine
from reverse_etl.ledger import Ledger
from reverse_etl.saga import SLA, Saga, advance, parse_key
from reverse_etl.spec import DesiredRow, Mode, SyncSpec, Verdict
from reverse_etl.store import Store
from tests.faults.target import Fault, HttpWriter, Target, spec

STEPS: list[tuple[str, SyncSpec]] = [
    ("customer in ERP", spec("U", target="erp", object_="customer")),
    ("project in PSA", spec("F", target="psa", object_="project", owner_role="delivery")),
    ("billing schedule in ERP", spec("U", target="erp", object_="billing_schedule")),
    (
        "ids in CRM",
        spec(
            "U",
            target="crm",
            object_="opportunity_provisioning",
            mode=Mode(update=True),
            owner_role="sales_ops",
        ),
    ),
]
CLASSES = {"erp": "U", "psa": "F", "crm": "U"}


def ref(entity: str, system: str, key: str) -> dict[str, Any]:
    return {"$ref": {"entity": entity, "system": system, "key": key}}


def outboxes(deals: int = 2) -> dict[str, list[DesiredRow]]:
    """Two deals of the same customer."""
    customer = DesiredRow("c1", eligible=True, payload={"name": "Client"}, correlation_id="crm:c1")
    found: dict[str, list[DesiredRow]] = {spec.sync_id: [] for _, spec in STEPS}
    found["erp__customer"] = [customer]
    for number in range(deals):
        chain = f"opp:O{number}:1"
        common: dict[str, Any] = {
            "eligible": True, "correlation_id": chain, "business_key": f"Deal {number}", "client": "Client",
            "amount": Decimal(1000), "currency": "EUR",
        }  # fmt: skip
        project = ref("project", "psa", chain)
        found["psa__project"].append(
            DesiredRow(chain, payload={"name": f"Deal {number}"}, depends_on=("erp/customer/c1",), **common)
        )
        found["erp__billing_schedule"].append(
            DesiredRow(
                f"b{number}",
                payload={"name": "b", "parent": project, "note": ref("customer", "erp", "c1")},
                **common,
            )
        )
        found["crm__opportunity_provisioning"].append(
            DesiredRow(
                f"O{number}",
                payload={"name": ref("billing_schedule", "erp", f"b{number}"), "parent": project},
                **common,
            )
        )
    return found


class Firm:
    """Three systems, one ledger."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.targets = {name: Target(clock, capability) for name, capability in CLASSES.items()}
        self.stops = [target.serve() for target in self.targets.values()]
        for number in range(2):
            self.targets["crm"].commit(
                "opportunity_provisioning",
                [{"key": f"O{number}", "payload": {}, "native_id": None, "request_id": f"r{number}"}],
            )
        self.targets["crm"].records = {record["key"]: record for record in self.targets["crm"].records.values()}
        self.targets["crm"].commits.clear()
        self.ledger = Ledger(store, clock, lambda _target: 120.0)
        writers = {name: HttpWriter(target.url) for name, target in self.targets.items()}
        self.engine = Engine(self.ledger, clock, writers, lambda _relation, _rows: Verdict(True))

    def run(self, found: dict[str, list[DesiredRow]]) -> list[Saga]:
        for _, step in STEPS:
            self.engine.run(step, found[step.sync_id], "run")
        return advance(self.ledger, self.clock, STEPS, found)

    def exceptions(self, class_: str) -> list[Any]:
        with self.store.reading() as db:
            return list(db.execute(select(t.exception).where(t.exception.c["class"] == class_)).mappings())


@pytest.fixture
def firm(store: Store, clock: ManualClock) -> Iterator[Firm]:
    made = Firm(store, clock)
    yield made
    for stop in made.stops:
        stop()


def test_a_won_deal_becomes_a_project_and_its_ids_are_in_the_crm(firm: Firm) -> None:
    sagas = firm.run(outboxes())
    assert [(saga.state, saga.pivot_passed) for saga in sagas] == [("completed", True)] * 2
    customers = [c for c in firm.targets["erp"].commits if c.object == "customer"]
    projects = {c.key: c.native_id for c in firm.targets["psa"].commits}
    schedules = {c.key: c for c in firm.targets["erp"].commits if c.object == "billing_schedule"}
    assert len(customers) == 1
    assert schedules["b0"].fields["parent"] == projects["opp:O0:1"]
    assert schedules["b0"].fields["note"] == customers[0].native_id
    assert firm.targets["crm"].state()["O0"] == {
        "name": schedules["b0"].native_id,
        "parent": projects["opp:O0:1"],
    }
    assert all(commit.op == "update" for commit in firm.targets["crm"].commits)


def test_a_second_run_sends_nothing(firm: Firm) -> None:
    firm.run(outboxes())
    before = {name: target.requests for name, target in firm.targets.items()}
    firm.run(outboxes())
    assert {name: target.requests for name, target in firm.targets.items()} == before


def test_a_rejected_step_stops_its_deal_alone_and_is_on_its_owners_list(firm: Firm) -> None:
    firm.targets["psa"].bad_keys = {"opp:O0:1": "TITLE_TAKEN"}
    stuck, done = firm.run(outboxes())
    assert (stuck.state, done.state) == ("stuck", "completed")
    assert [step.state for step in stuck.steps] == ["done", "stuck", "waiting", "waiting"]
    assert not stuck.pivot_passed
    listed = firm.exceptions("stuck_saga")
    assert [(e["owner_role"], e["client"], e["impact_amount"]) for e in listed] == [("delivery", "Client", 1000)]
    assert listed[0]["sla_at"] == firm.clock.now() + SLA
    assert "step 2 of 4, project in PSA" in listed[0]["note"]
    assert "TITLE_TAKEN" in listed[0]["note"]
    assert "b0" not in firm.targets["erp"].creates(), "nothing goes on behind a step that failed"
    firm.run(outboxes())
    assert len(firm.exceptions("stuck_saga")) == 1

    firm.targets["psa"].bad_keys = {}
    mended = outboxes()
    mended["psa__project"][0] = replace(mended["psa__project"][0], payload={"name": "another title"})
    assert [saga.state for saga in firm.run(mended)] == ["completed"] * 2
    assert [e["resolution"] for e in firm.exceptions("stuck_saga")] == ["cleared"]


def test_a_step_in_doubt_is_waited_for_and_then_the_chain_goes_on(firm: Firm) -> None:
    firm.targets["psa"].faults = [Fault("drop_after", frozenset({1}))]
    states = {saga.business_key: saga.state for saga in firm.run(outboxes())}
    assert sorted(states.values()) == ["completed", "running"]
    firm.clock.advance(timedelta(seconds=130))
    assert [saga.state for saga in firm.run(outboxes())] == ["completed"] * 2
    assert firm.targets["psa"].creates().total() == 2


def test_a_deal_that_takes_longer_than_its_sla_is_stuck(firm: Firm) -> None:
    firm.targets["psa"].faults = [Fault("throttle", seconds=999_999)]
    assert {saga.state for saga in firm.run(outboxes())} == {"running"}
    firm.clock.advance(SLA + timedelta(seconds=1))
    assert {saga.state for saga in firm.run(outboxes())} == {"stuck"}
    assert len(firm.exceptions("stuck_saga")) == 2


def test_a_deal_that_is_not_eligible_has_no_saga(firm: Firm) -> None:
    found = outboxes(1)
    for sync_id in list(found)[1:]:
        found[sync_id] = [
            replace(row, eligible=False, ineligible_reason="contract not approved") for row in found[sync_id]
        ]
    assert firm.run(found) == []


@pytest.mark.parametrize(
    ("key", "parsed"),
    [
        ("opp:006A:1", ("006A", 1)),
        ("opp:a:b:2", ("a:b", 2)),
        ("crm:c1", None),
        ("opp:x", None),
        ("opp::1", None),
    ],
)
def test_a_saga_key_is_the_deal_and_its_generation(key: str, parsed: tuple[str, int] | None) -> None:
    assert parse_key(key) == parsed
