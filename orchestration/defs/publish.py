"""The published generation as an asset: what dashboards and the delivery engine read."""

import time

import dagster as dg

from orchestration.defs.ingestion import POOL
from orchestration.defs.quality import CANONICAL_GATE
from orchestration.platform import Platform, Step
from orchestration.publish import publish

GENERATION = dg.AssetKey("published_generation")


def generation(upstream: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The next generation, where the gate on the canonical layer is green."""

    @dg.asset(
        key=GENERATION,
        deps=[CANONICAL_GATE, *upstream],
        group_name="publish",
        kinds={"duckdb"},
        description="A new file with canonical, KPI, outbox and operations tables, swapped in atomically. No raw data.",
        pool=POOL,
        required_resource_keys={"platform"},
    )
    def published_generation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        platform: Platform = context.resources.platform
        if platform.unchanged:
            return dg.MaterializeResult(metadata={"generation": "the previous one: nothing changed"})
        started = time.perf_counter()
        made = publish(platform.config, platform.clock.now(), platform.dbt.fingerprint())
        platform.built.remember()
        platform.report(
            Step("publish", f"generation {made.number}", made.rows, time.perf_counter() - started,
                 f"{made.tables} tables")
        )  # fmt: skip
        return dg.MaterializeResult(metadata={"generation": made.number, "tables": made.tables, "rows": made.rows})

    return published_generation
