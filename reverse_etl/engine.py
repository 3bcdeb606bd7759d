"""Brings one target in line with one outbox: gate, plan, guard, send, settle; every row ends with an outcome.

This file is the table of contents. What each step does is in the module that it calls; `orchestration` decides when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from common.clock import Clock
from reverse_etl import guard, outbox
from reverse_etl.exceptions import open_exceptions
from reverse_etl.guard import Limits
from reverse_etl.ledger import Ledger
from reverse_etl.plan import Known, Plan, plan
from reverse_etl.sending import Probe, Sending, Stop
from reverse_etl.settling import settle
from reverse_etl.spec import DesiredRow, Gate, SyncSpec, Verdict, Writer
from reverse_etl.summary import SyncResult, summarise


def _no_probe(_step: str) -> None:
    """Nothing happens at a numbered step."""


def _cannot_wait(_seconds: float) -> bool:
    """A pause that a target asks for ends the run; a later one goes on."""
    return False


@dataclass(frozen=True)
class Engine:
    """Delivers outboxes. One for a process; holds no state of its own between runs.

    Args:
        ledger: the control store.
        clock: the firm's clock.
        writers: by target slug.
        gate: judges the exact rows; None counts as red, so nothing is sent.
        limits: the guard's thresholds.
        probe: called at the numbered steps of `sending.py`; fault tests stop the process there.
        pause: lets seconds pass and returns True, or returns False: short pauses that targets ask for then end the run.
    """

    ledger: Ledger
    clock: Clock
    writers: Mapping[str, Writer]
    gate: Gate | None
    limits: Limits = field(default_factory=Limits)
    probe: Probe = _no_probe
    pause: Callable[[float], bool] = _cannot_wait

    def run(self, spec: SyncSpec, rows: Sequence[DesiredRow], run_id: str) -> SyncResult:
        """Deliver one outbox as far as it goes now. Never raises for what a target does: see the result.

        Args:
            rows: all rows of the outbox relation.
            run_id: names the run in the ledger.
        """
        writer = self.writers[spec.target]
        self.ledger.expire_leases(spec)
        unreadable = settle(self.ledger, spec, writer)
        verdict = self._ask_gate(spec, rows)
        known = self.ledger.known(spec, rows)
        refusals = guard.judge_rows(spec, rows)
        wanted = plan(spec, [] if refusals else rows, known)
        refusals = refusals or guard.judge_plan(wanted, known.acks, self.limits)
        plan_id = self._remember(wanted, run_id, verdict, refusals)
        stop = self._enqueue(spec, plan_id, wanted, known, verdict, refusals)
        sending = Sending(self.ledger, self.clock, spec, writer, probe=self.probe, pause=self.pause)
        if not stop:
            stop = sending.run()
            unreadable = settle(self.ledger, spec, writer) or unreadable
            self.ledger.finish_plan(plan_id)
        stop = stop or (Stop(unreadable) if unreadable else None)
        open_exceptions(self.ledger.store, self.clock, spec, plan_id, refusals)
        return self._result(spec, wanted, sending.requests, stop, passed=verdict.passed and not refusals)

    def _ask_gate(self, spec: SyncSpec, rows: Sequence[DesiredRow]) -> Verdict:
        """The verdict on exactly these rows. A gate that is missing or that fails is red."""
        if self.gate is None:
            return Verdict(False, ("no gate is set, so nothing may leave",))
        try:
            return self.gate(spec.relation, outbox.records(rows))
        except Exception as error:
            return Verdict(False, (f"the gate could not judge: {error!r}",))

    def _remember(self, wanted: Plan, run_id: str, verdict: Verdict, refusals: Sequence[str]) -> str:
        gate = "passed" if verdict.passed else "failed: " + "; ".join(verdict.failures)
        return self.ledger.record_plan(
            wanted,
            run_id,
            gate=gate,
            guard="passed" if not refusals else "refused: " + "; ".join(refusals),
            state="sending" if verdict.passed and not refusals else "blocked",
        )

    def _enqueue(
        self,
        spec: SyncSpec,
        plan_id: str,
        wanted: Plan,
        known: Known,
        verdict: Verdict,
        refusals: Sequence[str],
    ) -> Stop | None:
        """Make the plan's deliveries, or say why nothing may be sent."""
        if refusals:
            return Stop("guard: " + "; ".join(refusals), fatal=True)
        if verdict.passed:
            self.ledger.adopt(spec, wanted.of("adopt"))
        self.ledger.enqueue(spec, plan_id, wanted, known, None if verdict.passed else "gate")
        if not verdict.passed:
            return Stop("gate: " + "; ".join(verdict.failures), fatal=True)
        halted = self.ledger.halted(spec)
        return Stop(halted) if halted else None

    def _result(self, spec: SyncSpec, wanted: Plan, requests: int, stop: Stop | None, *, passed: bool) -> SyncResult:
        states = self.ledger.states(spec)
        return summarise(
            wanted,
            states,
            passed=passed,
            requests=requests,
            stopped=stop.reason if stop else None,
            failed=stop.fatal if stop else False,
        )
