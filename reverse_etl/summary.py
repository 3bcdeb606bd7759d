"""What one run of one sync came to, in counts: every row of the outbox is in exactly one of them. Nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from reverse_etl.outcomes import State
from reverse_etl.plan import Item, Plan

_DONE = {"create": "created", "update": "updated", "delete": "deleted"}
_NAMES = {"ready": "waiting"}


@dataclass(frozen=True)
class SyncResult:
    """Counts of one sync's run.

    `counts` has created, updated, deleted, unchanged, adopted, blocked, held, waiting (ready, for a later run),
    in_doubt, in_flight (another worker's), parked, rejected, dead, refused (gate or guard said no); their sum is
    `desired`. `reasons` says why rows are blocked or held. `stopped`: why nothing or not everything was sent;
    `failed`: that a person has to look at it before the next run.
    """

    sync_id: str
    digest: str
    desired: int
    counts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    stopped: str | None = None
    failed: bool = False

    @property
    def sent(self) -> int:
        """Rows that this run made, changed or deleted at the target."""
        return sum(self.counts.get(name, 0) for name in _DONE.values())

    def line(self) -> str:
        """One line for a person."""
        parts = [f"{n} {name.replace('_', ' ')}" for name, n in sorted(self.counts.items()) if n]
        reasons = "; ".join(f"{reason}: {n}" for reason, n in sorted(self.reasons.items()))
        text = f"{self.sync_id}: {', '.join(parts) or 'nothing to do'}" + (f" ({reasons})" if reasons else "")
        return text + (f" - stopped: {self.stopped}" if self.stopped else "")


def summarise(
    plan: Plan,
    states: Mapping[str, State],
    *,
    passed: bool,
    requests: int = 0,
    stopped: str | None = None,
    failed: bool = False,
) -> SyncResult:
    """Count each item of the plan by where it ended.

    Args:
        states: where the newest delivery of each key stands after the run.
        passed: whether gate and guard let the plan through.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for item in plan.items:
        name, reason = _end(item, states.get(item.key), passed)
        counts[name] += 1
        if reason:
            reasons[reason] += 1
    return SyncResult(
        plan.sync_id, plan.digest, len(plan.items), dict(counts), dict(reasons), requests, stopped, failed
    )


def _end(item: Item, standing: State | None, passed: bool) -> tuple[str, str | None]:
    if item.action in ("unchanged", "adopt"):
        done = "unchanged" if item.action == "unchanged" else "adopted"
        return (done if passed or done == "unchanged" else "refused"), None
    reason = item.reason or ""
    if reason == "mode" or reason.startswith("ineligible"):
        return "blocked", reason
    if standing is None:
        return ("blocked", reason) if reason else ("refused", None)
    if standing.state == "acked":
        # An older version that was acknowledged, while this one did not get a delivery of its own yet.
        older = standing.payload_sha != item.payload_sha
        return ("waiting" if passed else "refused", None) if older else (_DONE[standing.op], None)
    return _NAMES.get(standing.state, standing.state), standing.held_reason
