"""The gates, visible as assets and asset checks. They show what the gates found; publish and the engine enforce it."""

import time
from collections.abc import Iterator

import dagster as dg

from ingestion.inventory import source
from orchestration.defs.ingestion import POOL, table_key
from orchestration.platform import Platform, Step

CANONICAL_GATE = dg.AssetKey("canonical_gate")


def accepted_key(system: str) -> dg.AssetKey:
    """The asset of one system's accepted rows: what staging may read."""
    return dg.AssetKey(f"{system}_accepted")


def raw_gate(system: str) -> dg.AssetsDefinition:
    """What may enter from one system: rows in = rows accepted + rows quarantined."""
    key = accepted_key(system)
    tables = [table_key(system, r.table) for r in source(system).resources]

    @dg.multi_asset(
        name=f"gate_{system}",
        specs=[
            dg.AssetSpec(
                key,
                deps=tables,
                group_name=system,
                kinds={"greatexpectations"},
                description=f"The versions of {system} that the raw border lets in. The others are in "
                "`quality.quarantine` with a reason, and counted.",
            )
        ],
        check_specs=[
            dg.AssetCheckSpec("rules_judged", asset=key, description="Every rule of the system's suite was judged."),
            dg.AssetCheckSpec(
                "nothing_quarantined", asset=key, description="Rows that this load brought and that a rule held back."
            ),
        ],
        pool=POOL,
        required_resource_keys={"platform"},
    )
    def gated(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        from quality.runner import run_raw

        platform: Platform = context.resources.platform
        started = time.perf_counter()
        report = run_raw(platform.config.warehouse, system, platform.clock.now())
        platform.report(
            Step(
                "gate", system, report.rows_in, time.perf_counter() - started,
                f"{report.accepted:,} accepted, {report.quarantined_rows:,} quarantined",
            )
        )  # fmt: skip
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "rows_in": report.rows_in,
                "accepted": report.accepted,
                "quarantined": report.quarantined_rows,
                "released": report.released,
                "still_held": report.still_held,
            },
            check_results=[
                dg.AssetCheckResult(asset_key=key, check_name="rules_judged", passed=report.verdict.passed),
                dg.AssetCheckResult(
                    asset_key=key, check_name="nothing_quarantined", passed=not report.quarantined_rows,
                    severity=dg.AssetCheckSeverity.WARN, metadata={"by_rule": dict(report.quarantined)},
                ),
            ],
        )  # fmt: skip

    return gated


def canonical_gate(models: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """What may be believed: totals in = totals out, over the canonical layer."""

    @dg.multi_asset(
        name="gate_canonical",
        specs=[
            dg.AssetSpec(
                CANONICAL_GATE,
                deps=models,
                group_name="quality",
                kinds={"greatexpectations"},
                description="The verdict on the canonical layer. A red one stops publishing, and with it every push.",
            )
        ],
        check_specs=[dg.AssetCheckSpec("totals_tie", asset=CANONICAL_GATE)],
        pool=POOL,
        required_resource_keys={"platform"},
    )
    def gated(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        from quality.runner import run_canonical

        platform: Platform = context.resources.platform
        started = time.perf_counter()
        verdict = run_canonical(platform.config.warehouse, platform.config.systems, platform.clock.now())
        rules = verdict.evidence.get("rules", [])
        platform.report(
            Step("gate", "canonical", None, time.perf_counter() - started, f"{len(rules)} rules, "
                 + ("all hold" if verdict.passed else f"{len(verdict.failures)} fail"))
        )  # fmt: skip
        yield dg.MaterializeResult(
            asset_key=CANONICAL_GATE,
            metadata={"rules": len(rules), "failures": list(verdict.failures)},
            check_results=[
                dg.AssetCheckResult(
                    asset_key=CANONICAL_GATE, check_name="totals_tie", passed=verdict.passed,
                    metadata={"failures": list(verdict.failures)},
                )
            ],
        )  # fmt: skip
        if not verdict.passed:
            raise dg.Failure(
                "The canonical gate is red; nothing was published and nothing is pushed: "
                + "; ".join(verdict.failures)[:600]
            )

    return gated
