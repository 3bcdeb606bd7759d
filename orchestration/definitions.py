"""The asset graph, its jobs, schedules and sensor: what `dagster dev -m orchestration.definitions` loads.

Built by a function: nothing is read when this module is imported. Loading needs no network; it parses the dbt project
only where it changed since the last time.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration.defs.ingestion import raw_assets
from orchestration.defs.publish import generation
from orchestration.defs.quality import canonical_gate, raw_gate
from orchestration.defs.reverse_etl import push_assets, push_key, saga_asset
from orchestration.defs.schedules import schedules, waiting_deliveries
from orchestration.defs.transform import model_assets, model_keys
from orchestration.platform import Platform, platform


def build(here: Platform) -> dg.Definitions:
    """The definitions of one firm's platform."""
    manifest = here.dbt.manifest()
    systems = here.config.systems
    models = model_assets(manifest, systems)
    pushes = push_assets(here.config.firm)
    assets: list[Any] = [
        *(raw_assets(s) for s in (*systems, "control")),
        *(raw_gate(s) for s in systems),
        models,
        canonical_gate(model_keys(manifest, "canonical")),
        generation([*model_keys(manifest, "kpi"), *model_keys(manifest, "sync")]),
        *pushes,
        saga_asset(here.config.firm),
    ]
    everything = dg.define_asset_job(
        "loop", selection=dg.AssetSelection.all(), description="The whole loop, once round."
    )
    read_back = dg.define_asset_job(
        "read_back",
        selection=dg.AssetSelection.all() - dg.AssetSelection.groups("reverse_etl"),
        description="The loop without the pushes: reads home what was pushed.",
    )
    of_systems = [
        dg.define_asset_job(
            f"read_{s}", selection=dg.AssetSelection.groups(s), description=f"Read {s} and judge what arrived."
        )
        for s in systems
    ]
    of_syncs = [
        dg.define_asset_job(
            f"push_{spec.sync_id}", selection=dg.AssetSelection.assets(push_key(spec)),
            description=f"Deliver {spec.object.replace('_', ' ')} to {spec.target} from the published generation.",
        )
        for spec in here.syncs()
    ]  # fmt: skip
    pushing = dg.define_asset_job(
        "push_all", selection=dg.AssetSelection.groups("reverse_etl"), description="All pushes, in their order."
    )
    return dg.Definitions(
        assets=assets,
        jobs=[everything, read_back, pushing, *of_systems, *of_syncs],
        schedules=schedules(everything),
        sensors=[waiting_deliveries(pushing, [spec.sync_id for spec in here.syncs()])],
        resources={"platform": dg.ResourceDefinition.hardcoded_resource(here)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions as the environment describes the platform now."""
    return build(platform())
