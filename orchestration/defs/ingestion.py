"""One multi-asset a system: its raw tables, each of which can be loaded alone."""

from collections.abc import Iterator

import dagster as dg

from ingestion.inventory import source
from ingestion.pipeline import LoadReport, load
from ingestion.resource import Source
from orchestration.platform import Platform, Step

POOL = "duckdb_writer"


def table_key(system: str, table: str) -> dg.AssetKey:
    """The asset of one raw table. Unique by its last part, which is what the graph shows."""
    return dg.AssetKey(f"{system}_{table}")


def raw_assets(system: str) -> dg.AssetsDefinition:
    """The raw tables of one system."""
    described: Source = source(system)
    specs = [
        dg.AssetSpec(
            table_key(system, r.table),
            group_name=system,
            kinds={"dlt", "duckdb"},
            description=f"`raw_{system}.{r.table}`: {r.object} as an append-only log of versions. Read by {r.mode}; "
            f"deletes seen by {r.deletes}.",
            metadata={"key": ", ".join(r.key), "cursor": r.changed_at or "none: read whole"},
            skippable=True,
        )
        for r in described.resources
    ]

    @dg.multi_asset(name=f"load_{system}", specs=specs, can_subset=True, pool=POOL, required_resource_keys={"platform"})
    def loaded(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        platform: Platform = context.resources.platform
        wanted = {k.path[-1].removeprefix(f"{system}_") for k in context.selected_asset_keys}
        report: LoadReport = load(described, platform.config, platform.clock, tables=wanted)
        platform.report(
            Step("read", system, report.rows_kept, report.seconds, f"{report.rows_read} read, {report.rows_kept} new")
        )
        for table, counts in report.tables.items():
            yield dg.MaterializeResult(
                asset_key=table_key(system, table),
                metadata={
                    "rows_read": counts.read,
                    "new_versions": counts.kept,
                    "deleted": counts.deleted,
                    "new_columns": ", ".join(counts.new_columns) or "none",
                },
            )

    return loaded
