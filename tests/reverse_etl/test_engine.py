"""The engine against a mean target over real HTTP: gate, guard, outcomes of each kind, doubt, barrier, fences.

Every test runs on SQLite and on PostgreSQL. After each run every row of the outbox is in exactly one count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from common.clock import ManualClock
from reverse_etl import tables as t
from reverse_etl.engine import Engine
from reverse_etl.guard import Limits
from reverse_etl.ledger import LEASE, START_WINDOW, Ledger
from reverse_etl.sending import MAX_BAD_REQUESTS
from reverse_etl.spec import Acked, DesiredRow, Operation, SyncSpec, Verdict
from reverse_etl.store import Store
from reverse_etl.summary import SyncResult
from systems.http import _start_write
from tests.faults.target import Fault, HttpWriter, Target, rows, spec

SETTLE = 120.0


class Bench:
    """One target, one ledger, one engine."""

    def __init__(self, store: Store, clock: ManualClock, capability: str = "U", **changes: Any) -> None:
        self.store, self.clock = store, clock
        self.target = Target(clock, capability)
        self.stop = self.target.serve()
        self.spec = spec(capability, **changes)
        self.writer = HttpWriter(self.target.url)
        self.settle = SETTLE
        self.ledger = Ledger(store, clock, lambda _target: self.settle)
        self.gate: Callable[..., Verdict] | None = lambda _relation, _rows: Verdict(True)
        self.limits = Limits()
        self.pause: Callable[[float], bool] = lambda _seconds: False

    def run(self, wanted: Sequence[DesiredRow], sync: SyncSpec | None = None) -> SyncResult:
        engine = Engine(
            self.ledger, self.clock, {"fake": self.writer}, self.gate, self.limits, pause=self.pause
        )  # fmt: skip
        result = engine.run(sync or self.spec, wanted, "run")
        assert sum(result.counts.values()) == result.desired, f"a row without an outcome: {result}"
        return result

    def wait_out(self) -> None:
        self.clock.advance(START_WINDOW + timedelta(seconds=self.settle + 1))

    def column(self, column: Any) -> list[Any]:
        with self.store.reading() as db:
            return list(db.execute(select(column)).scalars())


@pytest.fixture
def bench(store: Store, clock: ManualClock) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(capability: str = "U", **changes: Any) -> Bench:
        made.append(Bench(store, clock, capability, **changes))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def wanted_state(wanted: Sequence[DesiredRow]) -> dict[str, Mapping[str, Any]]:
    return {row.key: dict(row.payload) for row in wanted}


# --- the plain way ---


@pytest.mark.parametrize("capability", ["U", "K", "F", "B"])
def test_everything_arrives_once_and_a_second_run_sends_nothing(bench: Any, capability: str) -> None:
    b, wanted = bench(capability), rows(10)
    assert b.run(wanted).counts == {"created": 10}
    requests = b.target.requests
    second = b.run(wanted)
    assert (second.counts, second.requests, b.target.requests) == ({"unchanged": 10}, 0, requests)
    assert b.target.state() == wanted_state(wanted)
    assert max(b.target.creates().values()) == 1


@pytest.mark.parametrize("capability", ["U", "F"])
def test_only_what_changed_is_sent(bench: Any, capability: str) -> None:
    b = bench(capability)
    b.run(rows(10))
    changed = [replace(row, payload={**row.payload, "amount": 99}) if i < 3 else row for i, row in enumerate(rows(10))]
    assert b.run(changed).counts == {"updated": 3, "unchanged": 7}
    assert b.target.state() == wanted_state(changed)
    assert len(b.target.creates()) == 10


def test_a_value_that_goes_a_b_a_is_three_deliveries(bench: Any) -> None:
    b = bench()
    for version in (1, 2, 1):
        b.run(rows(1, version=version))
    assert sorted(b.column(t.delivery.c.version)) == [1, 2, 3]
    assert b.target.state() == wanted_state(rows(1))


def test_what_the_target_shows_already_is_adopted_without_a_send(bench: Any) -> None:
    b = bench()
    seen = [replace(row, observed_native_id="n7", observed_payload=row.payload) for row in rows(2)]
    assert b.run(seen).counts == {"adopted": 2}
    assert b.target.requests == 0
    assert b.run(rows(2)).counts == {"unchanged": 2}
    assert b.column(t.ack.c.verified_by) == ["recon", "recon"]


def test_each_acknowledged_delivery_has_an_attempt_that_was_written_before(bench: Any) -> None:
    b = bench()
    b.run(rows(7))
    with b.store.reading() as db:
        ended = db.execute(select(t.attempt.c.outcome, t.attempt.c.sent_at, t.attempt.c.ended_at)).all()
    assert len(ended) == 7
    assert {row.outcome for row in ended} == {"Acked"}


# --- gate and guard ---


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        (None, "no gate is set"),
        (lambda _relation, _rows: Verdict(False, ("amount is negative",)), "amount is negative"),
        (lambda _relation, _rows: 1 / 0, "could not judge"),
    ],
)
def test_a_red_or_missing_gate_lets_nothing_out_and_says_why(bench: Any, gate: Any, why: str) -> None:
    b, wanted = bench(), rows(3)
    b.gate = gate
    result = b.run(wanted)
    assert (result.counts, result.reasons, result.failed) == ({"held": 3}, {"gate": 3}, True)
    assert why in str(result.stopped)
    assert why in b.column(t.plan.c.gate_result)[0]
    assert b.target.requests == 0
    b.gate = lambda _relation, _rows: Verdict(True)
    assert b.run(wanted).counts == {"created": 3}


def test_the_gate_judges_exactly_the_rows_with_the_columns_of_the_contract(bench: Any) -> None:
    b, seen = bench(), []

    def gate(relation: str, records: Sequence[Mapping[str, Any]]) -> Verdict:
        seen.append((relation, [record["key"] for record in records], set(records[0])))
        return Verdict(True)

    b.gate = gate
    b.run(rows(2))
    assert seen[0][:2] == ("sync_fake__thing", ["k0000", "k0001"])
    assert {"payload", "eligible", "posting_date"} <= seen[0][2]


def test_a_red_gate_does_not_resend_a_row_in_doubt(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("drop_after")]
    b.run(rows(1))
    requests = b.target.requests
    b.gate = None
    assert b.run(rows(1)).counts == {"in_doubt": 1}
    assert b.target.requests == requests


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ([], "the outbox is empty"),
        (rows(2), "left the outbox at once"),
        (rows(12) + rows(1), "more than once"),
        ([*rows(12), replace(rows(1)[0], key="")], "have no key"),
        ([replace(rows(1)[0], payload={"secret": 1}), *rows(12)[1:]], "doesn't own: secret"),
    ],
)
def test_an_implausible_outbox_is_refused(bench: Any, wanted: list[DesiredRow], why: str) -> None:
    b = bench()
    b.run(rows(12))
    requests = b.target.requests
    result = b.run(wanted)
    assert why in str(result.stopped)
    assert b.target.requests == requests
    assert b.column(t.exception.c["class"]) == ["refused_plan"]
    b.run(rows(12))
    assert b.column(t.exception.c.resolution) == ["cleared"]


def test_a_plan_that_is_too_large_waits_for_a_person(bench: Any) -> None:
    b = bench()
    b.limits = Limits(max_rows=4)
    assert "5 rows in one plan" in str(b.run(rows(5)).stopped)
    assert b.target.requests == 0


def test_the_kill_switch_stops_within_one_group(bench: Any) -> None:
    b = bench(batch_max=1)
    send, sent = b.writer.send, []

    def flip(sync: SyncSpec, operations: Sequence[Operation]) -> Any:
        sent.append(1)
        if len(sent) == 2:
            b.ledger.switch("fake", enabled=False, reason="month end", by="controller")
        return send(sync, operations)

    b.writer.send = flip
    result = b.run(rows(30))
    assert "month end" in str(result.stopped)
    assert result.counts["created"] <= 4
    b.ledger.switch("fake", enabled=True, reason="", by="controller")
    b.run(rows(30))
    assert len(b.target.creates()) == 30


# --- outcomes by row ---


def test_a_partial_failure_rejects_only_the_bad_rows_and_sends_them_again_only_when_changed(
    bench: Any,
) -> None:
    b, wanted = bench(batch_max=200), rows(200)
    b.target.bad_keys = dict.fromkeys(("k0000", "k0057", "k0199"), "FIELD_INTEGRITY")
    assert b.run(wanted).counts == {"created": 197, "rejected": 3}
    with b.store.reading() as db:
        rejected = db.execute(
            select(t.delivery.c.error_code, t.delivery.c.error_field).where(t.delivery.c.state == "rejected")
        ).all()
    assert rejected == [("FIELD_INTEGRITY", "name")] * 3
    requests = b.target.requests
    assert b.run(wanted).counts == {"unchanged": 197, "rejected": 3}
    assert b.target.requests == requests
    b.target.bad_keys = {}
    changed = [replace(row, payload={**row.payload, "note": "mended"}) if row.key == "k0057" else row for row in wanted]
    assert b.run(changed).counts == {"unchanged": 197, "created": 1, "rejected": 2}


def test_rejected_rows_are_listed_for_a_person_with_owner_client_and_amount(bench: Any) -> None:
    b = bench()
    wanted = [replace(rows(1)[0], amount=12, currency="EUR")]
    b.target.bad_keys = {"k0000": "FIELD_INTEGRITY"}
    b.run(wanted)
    with b.store.reading() as db:
        listed = db.execute(select(t.exception)).mappings().one()
    assert (listed["class"], listed["owner_role"], listed["client"]) == ("rejected", "finance", "Client 0")
    assert (listed["impact_amount"], listed["currency"], listed["business_key"]) == (12, "EUR", "T-0")
    assert listed["sla_at"] - listed["opened_at"] == timedelta(hours=4)
    b.target.bad_keys = {}
    b.run([replace(wanted[0], payload={**wanted[0].payload, "note": "mended"})])
    assert b.column(t.exception.c.resolution) == ["cleared"]


def test_no_personal_data_or_credential_in_stored_error_text(bench: Any) -> None:
    b = bench()
    b.target.bad_keys = {"k0000": "FIELD_INTEGRITY"}
    b.run(rows(1))
    b.target.faults = [Fault("unavailable")]
    b.run(rows(2))
    texts = " ".join(map(str, b.column(t.delivery.c.error_text) + b.column(t.attempt.c.error_text_redacted)))
    assert "FIELD_INTEGRITY" in texts
    assert "joe@example.com" not in texts
    assert "abc.def" not in texts


def test_a_whole_batch_refusal_is_narrowed_down_to_the_bad_row(bench: Any) -> None:
    b = bench(batch_max=64)
    b.target.bad_keys, b.target.refuse_batches = {"k0037": "BAD"}, True
    assert b.run(rows(64)).counts == {"created": 63, "rejected": 1}
    assert b.target.requests <= 2 * math.log2(64) + 1


def test_a_closed_period_holds_the_row_and_offers_it_again_a_day_later(bench: Any) -> None:
    b = bench()
    b.target.bad_keys = {"k0001": "PERIOD_CLOSED"}
    assert b.run(rows(2)).counts == {"created": 1, "held": 1}
    requests = b.target.requests
    second = b.run(rows(2))
    assert (second.reasons, b.target.requests) == ({"period": 1}, requests)
    b.target.bad_keys = {}
    b.clock.advance(timedelta(hours=24))
    assert b.run(rows(2)).counts == {"unchanged": 1, "created": 1}


def test_locked_rows_go_through_in_later_passes(bench: Any) -> None:
    b = bench()
    b.target.faults = [Fault("locked", frozenset({1, 3}))]
    assert b.run(rows(12)).counts == {"created": 12}
    assert set(b.column(t.delivery.c.attempts)) == {1}, "a try that was not executed doesn't count"


# --- throttling and trouble with the target ---


def test_no_request_before_retry_after_and_other_targets_go_on(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("throttle", frozenset({3}), seconds=600)]
    first = b.run(rows(9))
    assert "asked for a pause" in str(first.stopped)
    assert first.counts["waiting"] >= 5
    requests = b.target.requests
    b.clock.advance(timedelta(seconds=599))
    assert "asked for a pause" in str(b.run(rows(9)).stopped)
    assert b.target.requests == requests
    assert b.ledger.halted(replace(b.spec, target="other")) is None
    b.clock.advance(timedelta(seconds=2))
    assert b.run(rows(9)).counts["created"] == first.counts["waiting"]
    assert max(b.target.creates().values()) == 1


def test_a_short_pause_is_waited_out_where_the_caller_can_wait(bench: Any) -> None:
    b, waited = bench(batch_max=1), []
    b.pause = lambda seconds: waited.append(seconds) is None
    b.target.faults = [Fault("throttle", frozenset({3}), seconds=2)]
    assert b.run(rows(9)).counts == {"created": 9}
    assert waited == [2.0]


def test_a_claimed_row_that_waited_too_long_is_not_sent_but_claimed_again(bench: Any) -> None:
    # The settle time counts from the claim, so a request may not start much later than that.
    b = bench("F", parallel=4)
    send = b.writer.send

    def slow(sync: SyncSpec, operations: Sequence[Operation]) -> Any:
        outcomes = send(sync, operations)
        b.clock.advance(START_WINDOW + timedelta(seconds=1))
        return outcomes

    b.writer.send = slow
    assert b.run(rows(12)).counts == {"created": 12}
    assert b.target.requests == 12
    assert "Throttled" in b.column(t.attempt.c.outcome)


def test_a_pause_in_force_is_seen_by_the_next_due_time(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("throttle", frozenset({1}), seconds=600)]
    b.run(rows(1))
    assert b.ledger.next_due([b.spec.sync_id]) == b.clock.now() + timedelta(seconds=600)


def test_wrong_credentials_stop_the_target_and_reject_nothing(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("unavailable")]
    result = b.run(rows(30))
    assert result.failed
    assert "credentials" in str(result.stopped)
    assert result.counts == {"waiting": 30}
    assert b.target.requests <= 4
    b.target.faults = []
    assert b.run(rows(30)).counts == {"created": 30}


def test_a_target_that_never_answers_is_left_alone(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("drop_before")]
    result = b.run(rows(60))
    assert "in a row failed" in str(result.stopped)
    assert b.target.requests <= MAX_BAD_REQUESTS + 4


def test_a_target_that_is_down_leaves_everything_waiting(bench: Any) -> None:
    b = bench()
    b.stop()
    result = b.run(rows(5))
    assert result.counts == {"waiting": 5}
    assert result.stopped


# --- doubt ---


@pytest.mark.parametrize("capability", ["U", "K"])
def test_where_it_is_harmless_a_lost_answer_is_asked_again_at_once(bench: Any, capability: str) -> None:
    b = bench(capability)
    b.target.faults = [Fault("drop_after", frozenset({2}))]
    assert b.run(rows(9)).counts == {"created": 9}
    assert max(b.target.creates().values()) == 1


def test_a_findable_target_is_asked_after_the_settle_time(bench: Any) -> None:
    b = bench("F")
    b.target.faults = [Fault("drop_after", frozenset({2})), Fault("drop_before", frozenset({4}))]
    assert b.run(rows(6)).counts == {"created": 4, "in_doubt": 2}
    requests = b.target.requests
    assert b.run(rows(6)).counts == {"unchanged": 4, "in_doubt": 2}
    assert b.target.requests == requests
    b.wait_out()
    result = b.run(rows(6))
    assert result.counts["unchanged"] == 5, "the one that is there is acknowledged by reading it back"
    assert result.counts["created"] == 1, "the one that is not there is made"
    assert sorted(b.column(t.ack.c.verified_by)) == ["answer"] * 5 + ["readback"]
    assert b.target.creates().total() == 6


def test_what_is_found_but_different_becomes_an_update(bench: Any) -> None:
    b = bench("F")
    b.target.faults = [Fault("drop_after", frozenset({1}))]
    b.run(rows(1))
    next(iter(b.target.records.values()))["fields"]["name"] = "edited by hand"
    b.wait_out()
    assert b.run(rows(1)).counts == {"updated": 1}
    assert b.target.state() == wanted_state(rows(1))
    assert b.target.creates().total() == 1


def test_a_blind_target_parks_only_what_was_in_doubt(bench: Any) -> None:
    b = bench("B")
    b.target.faults = [Fault("drop_after", frozenset({2}))]
    assert b.run(rows(6)).counts == {"created": 5, "parked": 1}
    b.wait_out()
    assert b.run(rows(6)).counts == {"unchanged": 5, "parked": 1}
    assert b.target.creates().total() == 6
    assert b.column(t.exception.c["class"]) == ["parked"]


def test_a_late_commit_is_not_doubled_when_the_settle_time_covers_it(bench: Any) -> None:
    b = bench("F")
    b.target.faults = [Fault("late", frozenset({1}), seconds=SETTLE)]
    b.run(rows(1))
    b.wait_out()
    b.run(rows(1))
    b.clock.advance(timedelta(seconds=SETTLE))
    assert b.target.creates().total() == 1


def test_a_late_commit_is_doubled_when_the_settle_time_is_too_short(bench: Any) -> None:
    b = bench("F")
    b.settle = 60.0
    b.target.faults = [Fault("late", frozenset({1}), seconds=SETTLE)]
    b.run(rows(1))
    b.wait_out()
    b.run(rows(1))
    b.clock.advance(timedelta(seconds=SETTLE))
    assert b.target.creates().total() == 2, "this test shows that the others can fail"


def stale_write(b: Bench) -> dict[str, dict[str, Any]]:
    """Version 1 times out and commits late; version 2 is wanted at once. What the target shows in the end."""
    b.target.faults = [Fault("late", frozenset({1}), seconds=100)]
    b.run(rows(1, version=1))
    for seconds in (1, 30, 100, 60):
        b.clock.advance(timedelta(seconds=seconds))
        b.run(rows(1, version=2))
    return b.target.state()


def test_a_newer_version_waits_until_the_older_one_cannot_land_any_more(bench: Any) -> None:
    assert stale_write(bench(batch_max=1)) == wanted_state(rows(1, version=2))


def test_without_the_barrier_the_older_version_wins(bench: Any) -> None:
    b = bench(batch_max=1)
    b.settle = 0.0
    assert stale_write(b) == wanted_state(rows(1, version=1)), "this test shows that the one above can fail"


def test_a_version_behind_the_barrier_is_held_and_says_when_it_goes_on(bench: Any) -> None:
    b = bench(batch_max=1)
    b.target.faults = [Fault("drop_after", frozenset({1}))]
    b.run(rows(1, version=1))
    held = b.run(rows(1, version=2))
    assert (held.counts, held.reasons) == ({"held": 1}, {"barrier": 1})
    due = b.ledger.next_due([b.spec.sync_id])
    assert due == b.clock.now() + timedelta(seconds=SETTLE)
    b.clock.advance(timedelta(seconds=SETTLE))
    assert b.run(rows(1, version=2)).counts == {"updated": 1}


# --- workers ---


def in_flight(b: Bench, wanted: Sequence[DesiredRow]) -> Any:
    """Rows claimed by a worker on another machine that then falls silent."""
    b.ledger.switch("all", enabled=False, reason="enqueue only", by="test")
    b.run(wanted)
    b.ledger.switch("all", enabled=True, reason="", by="test")
    other = Ledger(b.store, b.clock, lambda _target: SETTLE)
    other._owner = "elsewhere|1|x"
    return other, other.claim(b.spec, [other.due(b.spec, b.clock.now())])[0]


def test_a_silent_worker_loses_its_rows_with_its_lease_and_its_late_answer_changes_nothing(
    bench: Any,
) -> None:
    b = bench(batch_max=4)
    other, claimed = in_flight(b, rows(2))
    assert b.run(rows(2)).counts == {"in_flight": 2}, "the lease holds"
    b.clock.advance(LEASE)
    assert b.run(rows(2)).counts == {"created": 2}
    other.record(b.spec, [(one, Acked("zombie")) for one in claimed])
    assert "zombie" not in b.column(t.ack.c.native_id)
    assert "zombie" in b.column(t.attempt.c.native_id), "but it is kept as evidence"


def test_a_worker_that_died_on_this_machine_is_noticed_before_its_lease_ends(bench: Any) -> None:
    b = bench(batch_max=4)
    in_flight(b, rows(2))
    import socket
    import subprocess
    import sys

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(30)
    with b.store.writing() as db:
        db.execute(update(t.delivery).values(lease_owner=f"{socket.gethostname()}|{gone.pid}|x"))
    assert b.run(rows(2)).counts == {"created": 2}


def test_a_write_that_would_start_long_after_its_claim_is_not_sent_but_claimed_again(bench: Any) -> None:
    """A writer reads before it writes, and that took long: the settle time counts from the claim, so it must not go."""
    b = bench("F", batch_max=1)
    send, reads, sent = b.writer.send, [], []

    def slow(spec: SyncSpec, operations: Sequence[Operation]) -> list[Any]:
        reads.append(operations[0].key)
        if len(reads) == 1:
            b.clock.advance(START_WINDOW + timedelta(seconds=30))
        _start_write("fake")
        sent.append(operations[0].key)
        return send(spec, operations)

    b.writer.send = slow
    assert b.run(rows(1)).counts == {"created": 1}
    assert reads == ["k0000", "k0000"], "claimed again, with a settle time that counts from the new claim"
    assert sent == ["k0000"]
    assert b.target.creates().total() == 1


def test_two_workers_never_hold_the_same_row(bench: Any) -> None:
    b = bench(batch_max=4)
    _, claimed = in_flight(b, rows(4))
    ids = [one.operation.delivery_id for one in claimed]
    assert len(ids) == 4
    assert b.ledger.claim(b.spec, [ids]) == []


def test_two_plans_of_the_same_difference_make_one_delivery(bench: Any) -> None:
    from reverse_etl.plan import plan

    b, wanted = bench(), rows(3)
    known = b.ledger.known(b.spec, wanted)
    made = plan(b.spec, wanted, known)
    for _ in range(2):
        plan_id = b.ledger.record_plan(made, "run", gate="passed", guard="passed", state="sending")
        b.ledger.enqueue(b.spec, plan_id, made, known, None)
    with b.store.reading() as db:
        assert db.execute(select(func.count()).select_from(t.delivery)).scalar() == 3
    assert b.run(wanted).counts == {"created": 3}


def test_one_version_of_a_key_at_a_time_is_a_rule_of_the_database(bench: Any) -> None:
    from sqlalchemy.exc import IntegrityError

    b = bench()
    in_flight(b, rows(1))
    with b.store.reading() as db:
        row = dict(db.execute(select(t.delivery)).mappings().one())

    def second() -> None:
        with b.store.writing() as db:
            db.execute(t.delivery.insert(), {**row, "delivery_id": "x", "version": 2})

    with pytest.raises(IntegrityError):
        second()


def test_a_fault_of_the_writer_itself_puts_its_rows_in_doubt(bench: Any) -> None:
    b = bench("F")

    def broken(_sync: SyncSpec, _operations: Sequence[Operation]) -> Any:
        raise KeyError("unexpected answer")

    send, b.writer.send = b.writer.send, broken
    result = b.run(rows(2))
    assert result.failed
    assert result.counts.get("in_doubt", 0) + result.counts.get("waiting", 0) == 2
    b.writer.send = send
    b.wait_out()
    b.run(rows(2))
    assert b.target.creates().total() == 2


def test_a_row_that_is_wanted_no_more_is_not_sent(bench: Any) -> None:
    b = bench()
    b.gate = None
    b.run(rows(3))
    b.gate = lambda _relation, _rows: Verdict(True)
    fewer = [
        replace(row, eligible=False, ineligible_reason="cancelled") if row.key == "k0001" else row for row in rows(3)
    ]
    result = b.run(fewer)
    assert (result.counts, result.reasons) == ({"created": 2, "blocked": 1}, {"ineligible: cancelled": 1})
    assert "k0001" not in b.target.creates()
