"""One asset a sync: what the published outbox asks for, delivered through the ledger. The engine decides; this calls."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from common.settings import Firm
from orchestration.defs.publish import GENERATION
from orchestration.platform import Platform, Step
from reverse_etl.spec import SyncSpec
from reverse_etl.syncs import saga_steps, syncs


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


def push_assets(firm: Firm) -> list[dg.AssetsDefinition]:
    """The syncs of a firm, each after those that it requires."""
    specs = {spec.sync_id: spec for spec in syncs(firm)}
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
        required_resource_keys={"platform"},
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
                    asset_key=key, check_name="delivered",
                    passed=not result.failed and not refused and not result.stopped,
                    # A target that is down for now is nobody's task yet; a refusal is.
                    severity=dg.AssetCheckSeverity.ERROR if result.failed or refused else dg.AssetCheckSeverity.WARN,
                    metadata={"stopped": result.stopped or "no", "refused": refused},
                )
            ],
        )  # fmt: skip

    return delivered


SAGA = dg.AssetKey("saga_opportunity_to_project")


def saga_asset(firm: Firm) -> dg.AssetsDefinition:
    """How far each won deal is on its way through the systems; opens an exception where one is stuck."""
    steps = saga_steps(firm)

    @dg.asset(
        key=SAGA,
        deps=[push_key(spec) for _, spec in steps],
        group_name="reverse_etl",
        required_resource_keys={"platform"},
        description="Opportunity to project: "
        + ", then ".join(name for name, _ in steps)
        + ". A view over deliveries.",
    )
    def saga_opportunity_to_project(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from reverse_etl import saga
        from reverse_etl.outbox import read

        platform: Platform = context.resources.platform
        started = time.perf_counter()
        generation = platform.config.published.resolve()
        with platform.ledger() as ledger:
            found = saga.advance(
                ledger, platform.clock, steps, {spec.sync_id: read(generation, spec) for _, spec in steps}
            )
        states = Counter(one.state for one in found)
        told = ", ".join(f"{n:,} {state}" for state, n in sorted(states.items())) or "none"
        platform.report(Step("saga", "opportunity to project", len(found), time.perf_counter() - started, told))
        return dg.MaterializeResult(metadata=dict(states))

    return saga_opportunity_to_project
