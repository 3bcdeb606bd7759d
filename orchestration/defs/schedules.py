"""When things run. All schedules and sensors are off until somebody turns them on in the UI."""

from typing import Any

import dagster as dg

from orchestration.platform import Platform


def schedules(loop: Any) -> list[dg.ScheduleDefinition]:
    """The loop by day for the status of deals and invoices, and by night for everything that is heavy."""
    return [
        dg.ScheduleDefinition(
            name="loop_every_quarter_hour", job=loop, cron_schedule="*/15 6-20 * * 1-5",
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description="Working hours: deals and invoice status within minutes.",
        ),
        dg.ScheduleDefinition(
            name="loop_nightly", job=loop, cron_schedule="30 2 * * *",
            default_status=dg.DefaultScheduleStatus.STOPPED, description="The whole loop, once a night.",
        ),
    ]  # fmt: skip


def waiting_deliveries(job: Any, sync_ids: list[str]) -> dg.SensorDefinition:
    """Wakes the pushes when a delivery's time has come: a throttled row, one in doubt whose settle time is over."""

    @dg.sensor(
        name="waiting_deliveries", job=job, minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED, required_resource_keys={"platform"},
        description="Runs the pushes when a waiting delivery is due.",
    )  # fmt: skip
    def waiting(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        platform: Platform = context.resources.platform
        with platform.ledger() as ledger:
            due = ledger.next_due(sync_ids)
        if due is None or due > platform.clock.now():
            return dg.SkipReason(
                "no delivery is due" if due is None else f"the next delivery is due at {due:%H:%M} UTC"
            )
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"due-{platform.clock.now():%Y%m%dT%H%M}")])

    return waiting
