"""Sends the rows that are due: claim, request, record; several requests at once, few commits.

One thread (the caller's) owns the ledger, the others only talk to the target. Knows neither plans nor guards.

The numbered steps, as `probe` names them; a fault test stops the process at one of them:
1. `before_intent`  rows chosen, nothing on disk
2. `after_intent`   rows in flight on disk, their requests not started
3. `after_answer`   an answer is here, nothing of it on disk
4. `mid_record`     inside the transaction that keeps the outcomes
5. `after_record`   the outcomes are on disk, other rows may still be on their way
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from common.clock import Clock
from reverse_etl.ledger import START_WINDOW, Ledger
from reverse_etl.outcomes import PATIENCE_SECONDS, Claimed
from reverse_etl.pace import Pace
from reverse_etl.spec import (
    Acked,
    BatchRefused,
    Capability,
    Doubt,
    Outcome,
    RejectedRow,
    SyncSpec,
    Throttled,
    Writer,
)
from systems.errors import Fatal, OutsideError, Retriable
from systems.http import writes_start_only_while

# A row goes at most so often in one run; the next run goes on.
MAX_PASSES = 4
# So many requests in a row without a single good answer: the target is left alone until the next run.
MAX_BAD_REQUESTS = 10

_NOT_STARTED = Throttled(0, "its request was not started in time")

Probe = Callable[[str], None]


@dataclass(frozen=True)
class Stop:
    """Why a run sends no more. `fatal`: a person has to do something before the next one."""

    reason: str
    fatal: bool = False


class Sending:
    """One sync's rows on their way.

    Args:
        pause: lets seconds pass and returns True, or returns False where the caller can't wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        spec: SyncSpec,
        writer: Writer,
        *,
        probe: Probe,
        pause: Callable[[float], bool],
    ) -> None:
        self._ledger, self._clock, self._spec, self._writer = ledger, clock, spec, writer
        self._probe, self._pause = probe, pause
        self._pace = Pace(spec.parallel)
        self._stop: Stop | None = None
        self._bad_requests = 0
        self._ahead = spec.batch_max == 1 and spec.capability is not Capability.BLIND
        self.requests = 0

    def run(self) -> Stop | None:
        """Send everything that is due, in passes: what a pass left ready or in doubt may go once more in the next.

        Returns:
            Why it stopped early, or None.
        """
        for _ in range(MAX_PASSES):
            due = self._ledger.due(self._spec, self._clock.now())
            if not due or self._stop:
                break
            self._one_pass(due)
        return self._stop

    def _one_pass(self, due: Sequence[str]) -> None:
        size = self._spec.batch_max
        queue = deque(list(due[start : start + size]) for start in range(0, len(due), size))
        flying: dict[Future[list[Outcome]], list[Claimed]] = {}
        with ThreadPoolExecutor(self._spec.parallel, thread_name_prefix=self._spec.sync_id) as pool:
            while queue or flying:
                self._launch(queue, flying, pool)
                if not flying:
                    return
                landed, _ = wait(flying, return_when=FIRST_COMPLETED)
                self._land([(flying.pop(request), request) for request in landed], queue)

    def _launch(
        self,
        queue: deque[list[str]],
        flying: dict[Future[list[Outcome]], list[Claimed]],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Claim the next group of batches in one commit and hand them to the threads."""
        room = self._room(len(flying))
        if not queue or room <= 0 or self._stop:
            return
        halted = self._ledger.halted(self._spec)
        if halted:
            self._stop = Stop(halted)
            return
        self._probe("before_intent")
        group = [queue.popleft() for _ in range(min(room, len(queue)))]
        claimed = self._ledger.claim(self._spec, group)
        self._probe("after_intent")
        for batch in claimed:
            self.requests += 1
            flying[pool.submit(self._request, batch)] = batch

    def _room(self, flying: int) -> int:
        """How many batches to claim now. Where a batch is one row, some are claimed ahead: threads don't wait for commits.

        Not for a blind target, where each lost row needs a person, nor where a claimed row once waited too long.
        """
        limit = self._pace.limit
        if not self._ahead:
            return limit - flying
        return 2 * limit - flying if flying <= limit else 0

    def _request(self, batch: list[Claimed]) -> list[Outcome]:
        """One request, in a thread. Errors that mean something become outcomes."""
        with self._pace.slot():

            def in_time() -> bool:
                return self._clock.now() - batch[0].claimed_at <= START_WINDOW

            if not in_time():
                return [_NOT_STARTED] * len(batch)
            try:
                # Again right before the write: what a writer reads first may take long.
                with writes_start_only_while(in_time):
                    outcomes = self._writer.send(self._spec, [claimed.operation for claimed in batch])
            except Retriable as error:
                return [Throttled(error.after, str(error))] * len(batch)
            except Fatal:
                raise
            except OutsideError as error:
                return [Doubt(str(error))] * len(batch)
        if len(outcomes) != len(batch):
            return [Doubt(f"{len(outcomes)} outcomes for {len(batch)} rows")] * len(batch)
        return outcomes

    def _land(self, landed: list[tuple[list[Claimed], Future[list[Outcome]]]], queue: deque[list[str]]) -> None:
        """Keep the outcomes of the requests that came back, in one commit."""
        self._probe("after_answer")
        results: list[tuple[Claimed, Outcome]] = []
        for batch, request in landed:
            outcomes = self._outcomes(batch, request)
            if len(batch) > 1 and any(isinstance(outcome, BatchRefused) for outcome in outcomes):
                ids = [claimed.operation.delivery_id for claimed in batch]
                queue.extendleft((ids[len(ids) // 2 :], ids[: len(ids) // 2]))
            if outcomes[0] is _NOT_STARTED:
                self._ahead = False
                queue.append([claimed.operation.delivery_id for claimed in batch])
            results += zip(batch, outcomes, strict=True)
        self._ledger.record(self._spec, results, self._probe)
        self._probe("after_record")
        self._heed([outcome for _, outcome in results])

    def _outcomes(self, batch: list[Claimed], request: Future[list[Outcome]]) -> list[Outcome]:
        error = request.exception()
        if isinstance(error, Fatal):
            self._stop = Stop(str(error), fatal=True)
            return [Throttled(0, str(error))] * len(batch)
        if error is not None:
            # A fault of the writer's own: nobody knows how far it came.
            self._stop = Stop(f"{self._spec.target}: writer failed with {error!r}", fatal=True)
            return [Doubt(repr(error))] * len(batch)
        outcomes = request.result()
        if outcomes[0] is not _NOT_STARTED:
            self._weigh(outcomes)
        if len(batch) == 1 and isinstance(outcomes[0], BatchRefused):
            return [RejectedRow(outcomes[0].code, outcomes[0].text)]
        return outcomes

    def _weigh(self, outcomes: Sequence[Outcome]) -> None:
        """Steer the pace by one request's outcomes, and give up on a target that never answers well."""
        if any(isinstance(outcome, Throttled) for outcome in outcomes):
            self._pace.too_much()
        elif any(isinstance(outcome, Acked) for outcome in outcomes):
            self._pace.answered()
        unanswered = all(isinstance(outcome, (Doubt, Throttled)) for outcome in outcomes)
        self._bad_requests = self._bad_requests + 1 if unanswered else 0
        if self._bad_requests >= MAX_BAD_REQUESTS and not self._stop:
            text = getattr(outcomes[0], "text", "")
            self._stop = Stop(f"{self._bad_requests} requests in a row failed, the last with: {text}")

    def _heed(self, outcomes: Sequence[Outcome]) -> None:
        """Wait a short pause out; leave the target alone for a long one, for every worker and every later run."""
        seconds = max((o.after for o in outcomes if isinstance(o, Throttled)), default=0.0)
        if seconds <= 0 or (seconds <= PATIENCE_SECONDS and self._pause(seconds)):
            return
        until = self._clock.now() + timedelta(seconds=seconds)
        self._ledger.pause(self._spec.target, until, f"throttled for {seconds:g} s")
        self._stop = self._stop or Stop(f"{self._spec.target} asked for a pause until {until:%Y-%m-%d %H:%M:%S} UTC")
