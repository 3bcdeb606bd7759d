"""The dbt project as assets: one a model, from the manifest, built by dbt in this process."""

import time
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from orchestration.dbt import NodeResult
from orchestration.defs.ingestion import POOL, table_key
from orchestration.defs.quality import accepted_key
from orchestration.platform import Platform, Step


def node_key(node: dict[str, Any]) -> dg.AssetKey:
    """The asset of a model or seed: its name."""
    return dg.AssetKey(node["name"])


def _built(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        uid: node
        for uid, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed") and node["config"]["enabled"]
    }


def model_keys(manifest: dict[str, Any], layer: str) -> list[dg.AssetKey]:
    """The models of one layer."""
    return [node_key(n) for n in _built(manifest).values() if n["resource_type"] == "model" and n["fqn"][1] == layer]


def _upstream(uid: str, manifest: dict[str, Any]) -> dg.AssetKey | None:
    """The asset behind a dependency: a model, a raw table, or a system's accepted rows for the quarantine."""
    if uid.startswith("source."):
        found = manifest["sources"][uid]
        system = found["source_name"].removeprefix("raw_")
        return table_key(system, found["name"]) if found["source_name"].startswith("raw_") else None
    node = manifest["nodes"].get(uid)
    return node_key(node) if node and node["resource_type"] in ("model", "seed") else None


def _deps(node: dict[str, Any], manifest: dict[str, Any], systems: tuple[str, ...]) -> list[dg.AssetKey]:
    found = [key for uid in node["depends_on"]["nodes"] if (key := _upstream(uid, manifest)) is not None]
    if node["fqn"][1] == "staging" and node["fqn"][2] in systems:
        found.append(accepted_key(node["fqn"][2]))
    return sorted(set(found), key=str)


def model_assets(manifest: dict[str, Any], systems: tuple[str, ...]) -> dg.AssetsDefinition:
    """Every model and seed of the firm's project."""
    nodes = _built(manifest)
    specs = [
        dg.AssetSpec(
            node_key(node),
            deps=_deps(node, manifest, systems) if node["resource_type"] == "model" else [],
            group_name=node["fqn"][1] if node["resource_type"] == "model" else "seeds",
            kinds={"dbt", "duckdb"},
            description=node.get("description") or None,
            owners=[],
            skippable=True,
        )
        for node in nodes.values()
    ]
    by_name = {node["name"]: uid for uid, node in nodes.items()}

    @dg.multi_asset(name="build_model", specs=specs, can_subset=True, pool=POOL, required_resource_keys={"platform"})
    def built(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        platform: Platform = context.resources.platform
        started = time.perf_counter()
        wanted = sorted(k.path[-1] for k in context.selected_asset_keys)
        whole = len(wanted) == len(specs)
        platform.unchanged = whole and platform.built.is_current()
        if platform.unchanged:
            platform.report(
                Step("model", "dbt", None, time.perf_counter() - started, "nothing changed since the last build")
            )
            for name in _in_order(nodes):
                yield dg.MaterializeResult(
                    asset_key=dg.AssetKey(name), metadata={"dbt": "not rebuilt: nothing changed"}
                )
            return
        platform.built.begin(whole=whole)
        rows = platform.dbt.build(None if whole else wanted)
        models = [r for r in rows if r.unique_id in nodes]
        tests = [r for r in rows if r.resource_type in ("test", "unit_test")]
        platform.report(
            Step(
                "model", "dbt", None, time.perf_counter() - started,
                f"{len(models)} models and seeds, {len(tests)} tests passed",
            )
        )  # fmt: skip
        yield from _results(rows, by_name)

    return built


def _in_order(nodes: dict[str, dict[str, Any]]) -> list[str]:
    """Names of the nodes, each after those it is built from: the order in which Dagster wants their results."""
    graph = {
        uid: [up for up in node.get("depends_on", {}).get("nodes", []) if up in nodes] for uid, node in nodes.items()
    }
    return [nodes[uid]["name"] for uid in TopologicalSorter(graph).static_order()]


def _results(rows: list[NodeResult], by_name: dict[str, str]) -> Iterator[dg.MaterializeResult]:
    for row in rows:
        if row.name in by_name and by_name[row.name] == row.unique_id:
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey(row.name), metadata={"seconds": row.seconds, "dbt": row.message}
            )
