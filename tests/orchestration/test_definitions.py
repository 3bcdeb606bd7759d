"""The asset graph as a data engineer sees it: whole, grouped, described, loaded without network, and off by default."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ingestion.inventory import source
from orchestration.definitions import build
from orchestration.platform import Platform, platform


@pytest.fixture(scope="module", params=["sandbox", "tryton"])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    patch = pytest.MonkeyPatch()
    patch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path_factory.mktemp("state")))
    patch.setenv("THROUGHLINE_FIRM", request.param)

    def no_network(*_: object) -> None:
        raise AssertionError("loading the definitions must not open a connection")

    patch.setattr(socket.socket, "connect", no_network)
    yield platform()
    patch.undo()


@pytest.fixture(scope="module")
def graph(here: Platform) -> dg.AssetGraph:
    return build(here).resolve_asset_graph()


def test_every_table_of_every_source_is_an_asset(here: Platform, graph: dg.AssetGraph) -> None:
    keys = {k.to_user_string() for k in graph.get_all_asset_keys()}
    for system in here.config.systems:
        for resource in source(system).resources:
            assert f"{system}_{resource.table}" in keys
        assert f"{system}_accepted" in keys


def test_last_parts_of_keys_are_unique_since_the_graph_shows_only_them(graph: dg.AssetGraph) -> None:
    names = [k.path[-1] for k in graph.get_all_asset_keys()]
    assert len(names) == len(set(names))


def test_every_asset_is_grouped_and_described(graph: dg.AssetGraph) -> None:
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.description, key


def test_one_path_from_a_source_table_to_a_push(here: Platform, graph: dg.AssetGraph) -> None:
    first = f"{here.config.systems[0]}_{source(here.config.systems[0]).resources[0].table}"
    below = graph.get(dg.AssetKey(first))
    seen, todo = set(), {below.key}
    while todo:
        key = todo.pop()
        seen.add(key)
        todo |= set(graph.get(key).child_keys) - seen
    names = {k.to_user_string() for k in seen}
    assert {"canonical_gate", "published_generation", "kpi_value", "saga_opportunity_to_project"} <= names
    assert {f"push_{spec.sync_id}" for spec in here.syncs()} <= names


def test_staging_waits_for_the_raw_gate_and_a_push_for_the_published_generation(
    here: Platform, graph: dg.AssetGraph
) -> None:
    for key in graph.materializable_asset_keys:
        node, name = graph.get(key), key.path[-1]
        if name.startswith("stg_") and not name.startswith("stg_control"):
            system = name.removeprefix("stg_").split("__")[0]
            assert dg.AssetKey(f"{system}_accepted") in node.parent_keys, name
        if name.startswith("push_"):
            assert dg.AssetKey("published_generation") in node.parent_keys, name


def test_gates_are_visible_as_checks(here: Platform, graph: dg.AssetGraph) -> None:
    checks = {(k.asset_key.to_user_string(), k.name) for k in graph.asset_check_keys}
    assert ("canonical_gate", "totals_tie") in checks
    for system in here.config.systems:
        assert (f"{system}_accepted", "rules_judged") in checks
    for spec in here.syncs():
        assert (f"push_{spec.sync_id}", "delivered") in checks


def test_jobs_for_the_loop_for_a_system_and_for_a_sync(here: Platform) -> None:
    definitions = build(here)
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    expected = {"loop", "read_back", "push_all"}
    expected |= {f"read_{s}" for s in here.config.systems} | {f"push_{spec.sync_id}" for spec in here.syncs()}
    assert expected <= jobs


def test_schedules_and_sensors_are_off_until_somebody_turns_them_on(here: Platform) -> None:
    repository = build(here).get_repository_def()
    assert repository.schedule_defs
    assert repository.sensor_defs
    assert all(s.default_status == dg.DefaultScheduleStatus.STOPPED for s in repository.schedule_defs)
    assert all(s.default_status == dg.DefaultSensorStatus.STOPPED for s in repository.sensor_defs)


def test_telemetry_is_off() -> None:
    root = Path(__file__).resolve().parents[2]
    assert "telemetry: {enabled: false}" in (root / "orchestration" / "dagster.yaml").read_text()
    assert "gatherUsageStats = false" in (root / ".streamlit" / "config.toml").read_text()
    assert 'DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"' in (root / "orchestration" / "dbt.py").read_text()
    assert 'RUNTIME__DLTHUB_TELEMETRY", "false"' in (root / "ingestion" / "pipeline.py").read_text()
