"""One asset a sync: what the published outbox asks for, delivered through the ledger. The engine decides; this calls."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.defs.publish import GENERATION
from orchestration.platform import Platform, Step
from reverse_etl.spec import SyncSpec
from reverse_etl.syncs import syncs


def push_key(spec: SyncSpec) -> dg.AssetKey:
    """The asset of one sync."""
    return dg.AssetKey(f"push_{spec.sync_id}")


def outbox_gate(relation: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Great Expectations' verdict on exactly these rows, in the engine's words."""
    from quality.runner import run_outbox
    from reverse_etl.spec import Verdict

    found = run_outbox(relation, rows)
    return Verdict(found.passed, tuple(found.failures))


def push(platform: Platform, spec: SyncSpec, run_id: str) -> Any:
    """Deliver one outbox. Returns the engine's result."""
    from reverse_etl.outbox import read

    started = time.perf_counter()
    with platform.engine(outbox_gate) as engine:
        result = engine.run(spec, read(platform.config.published.resolve(), spec), run_id)
    platform.delivered.append(result)
    platform.report(
        Step("push", spec.sync_id, result.sent, time.perf_counter() - started, result.line().split(": ", 1)[1])
    )
    return result


def push_assets(platform_systems: str) -> list[dg.AssetsDefinition]:
    """The syncs of a firm, each after those that it requires."""
    specs = {spec.sync_id: spec for spec in syncs(platform_systems)}  # type: ignore[arg-type]
    return [_push_asset(spec, specs) for spec in specs.values()]


def _push_asset(spec: SyncSpec, specs: dict[str, SyncSpec]) -> dg.AssetsDefinition:
    key = push_key(spec)

    @dg.multi_asset(
        name=f"deliver_{spec.sync_id}",
        specs=[
            dg.AssetSpec(
                key,
                deps=[GENERATION, spec.relation, *(push_key(specs[r]) for r in spec.requires)],
                group_name="reverse_etl",
                kinds={spec.target},
                description=f"{spec.object.replace('_', ' ')} to {spec.target}: `{spec.record_type}` by "
                f"`{spec.key_field}`, class {spec.capability.value}. Owner {spec.owner_role}, SLA {spec.sla_hours} h.",
                metadata={"fields": ", ".join(spec.fields), "lane": spec.lane},
            )
        ],
        check_specs=[
            dg.AssetCheckSpec("delivered", asset=key, description="Nothing was refused by gate, guard or target."),
        ],
        pool=f"target_{spec.target}",
    )
    def delivered(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        result = push(context.resources.platform, spec, context.run_id)
        refused = result.counts.get("rejected", 0) + result.counts.get("parked", 0) + result.counts.get("dead", 0)
        return dg.MaterializeResult(
            asset_key=key,
            metadata={
                "digest": result.digest,
                "desired": result.desired,
                "sent": result.sent,
                "counts": dict(result.counts),
                "reasons": dict(result.reasons),
                "stopped": result.stopped or "no",
            },
            check_results=[
                dg.AssetCheckResult(
                    asset_key=key, check_name="delivered", passed=not result.failed and not refused,
                    metadata={"stopped": result.stopped or "no", "refused": refused},
                )
            ],
        )  # fmt: skip

    return delivered
