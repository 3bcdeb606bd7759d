"""Runs the loop's Dagster job in this process, and once more without pushes where something was pushed.

The second pass reads home what the first one wrote, so that the numbers and the summary include it. What goes wrong
becomes a sentence for the person at the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from common import disk
from orchestration.definitions import build
from orchestration.platform import Platform
from reverse_etl.standing import acknowledged
from systems.http import redact


@dataclass
class Outcome:
    """What a loop did. `error`: one line for each step that failed; steps that only waited for it are not named."""

    changed: bool = False
    sent: int = 0
    delivered: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    error: str | None = None


def run_loop(here: Platform) -> Outcome:
    """One pass of the loop and, where rows were sent, a second one to read them back. A full disk is an outcome too."""
    try:
        return _loop(here)
    except Exception as error:
        # Dagster's own records don't fit any more either, so no step could tell.
        if not disk.is_full(error, here.config.home):
            raise
        return Outcome(
            error=f"The disk is full ({here.config.home}). Free some space and run again: the loop goes on from where it was."
        )


def _loop(here: Platform) -> Outcome:
    definitions = build(here)
    instance = dg.DagsterInstance.get()
    outcome = Outcome()
    outcome.error = _execute(definitions, "loop", instance)
    outcome.changed = any(step.phase == "read" and step.rows for step in here.steps)
    outcome.sent = sum(result.sent for result in here.delivered)
    outcome.delivered = [_told(result) for result in here.delivered]
    if outcome.error is None and outcome.sent:
        outcome.error = _execute(definitions, "read_back", instance)
    with here.ledger() as ledger:
        outcome.acknowledged = acknowledged(ledger.store)
    return outcome


def _told(result: Any) -> dict[str, Any]:
    counts = dict(result.counts)
    waiting = dict(result.reasons)
    for state in ("in_doubt", "waiting", "parked", "rejected", "dead", "refused", "in_flight"):
        if counts.get(state):
            waiting[state.replace("_", " ")] = counts[state]
    if result.stopped:
        waiting[result.stopped] = waiting.get(result.stopped, 0) + max(1, counts.get("waiting", 0))
    return {
        "sync": result.sync_id,
        **{name: counts.get(name, 0) for name in ("created", "updated", "adopted", "unchanged")},
        "waiting": waiting,
    }


def _execute(definitions: dg.Definitions, job: str, instance: dg.DagsterInstance) -> str | None:
    """Run a job. None where it succeeded, else one line for each step that failed."""
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        # The person at the terminal gets our own lines; Dagster's log is in its UI.
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    if result.success:
        return None
    failed: list[str] = []
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            # The outermost error is Dagster's own; the one below it is what the step raised, in our words.
            error = event.step_failure_data.error.cause or event.step_failure_data.error
            failed.append(f"{event.step_key} failed. {_plain(error.message)}")
    return "\n".join(failed) or "The run failed; the Dagster UI has its log."


def _plain(message: str) -> str:
    """An error's message on one line, without the name of its class."""
    return redact(" ".join(message.split(": ", 1)[-1].split()), 900)
