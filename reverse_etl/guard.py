"""Whether a plan is plausible enough to be sent: pure checks on its size, its keys and its fields.

What is in the rows is judged by the gate (`quality`), before; whether a row may go is the plan's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reverse_etl.plan import Ack, Plan
from reverse_etl.spec import DesiredRow, SyncSpec


@dataclass(frozen=True)
class Limits:
    """Guard thresholds. Rows in one plan, and the share of acknowledged keys that may leave the outbox at once."""

    max_rows: int = 20_000
    max_vanished_share: float = 0.5
    # With fewer acknowledged keys than this a share says nothing.
    min_acknowledged: int = 10


def judge_rows(spec: SyncSpec, rows: Sequence[DesiredRow]) -> list[str]:
    """What is wrong with an outbox before anything is compared: no key, a key twice, a field that isn't ours."""
    refusals = []
    nameless = sum(1 for row in rows if not row.key)
    if nameless:
        refusals.append(f"{nameless} rows of {spec.relation} have no key")
    twice = [key for key, n in Counter(row.key for row in rows).items() if n > 1]
    if twice:
        refusals.append(f"{len(twice)} keys of {spec.relation} are there more than once, such as {twice[0]!r}")
    foreign = sorted({name for row in rows if row.eligible for name in row.payload} - set(spec.fields))
    if foreign:
        refusals.append(f"{spec.relation} writes fields that {spec.sync_id} doesn't own: {', '.join(foreign)}")
    return refusals


def judge_plan(plan: Plan, acks: Mapping[str, Ack], limits: Limits) -> list[str]:
    """What is implausible about a plan's size; nothing: it may be sent."""
    refusals = []
    counts = plan.counts()
    changes = counts["create"] + counts["update"] + counts["delete"]
    desired = {item.key for item in plan.items if item.action != "delete"}
    if acks and not desired:
        refusals.append(f"the outbox is empty, but {len(acks)} rows were delivered before; look at the model")
    if changes > limits.max_rows:
        refusals.append(f"{changes} rows in one plan, at most {limits.max_rows} may go without a person's word")
    vanished = sum(1 for key in acks if key not in desired)
    if desired and len(acks) >= limits.min_acknowledged and vanished > limits.max_vanished_share * len(acks):
        refusals.append(f"{vanished} of {len(acks)} delivered rows left the outbox at once; look at the model")
    return refusals
