"""The layer rule, from dbt's own manifest: staging -> mapping -> canonical -> kpi -> sync, and who reads a source."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ALLOWED = {
    "staging": {"source", "staging", "seed"},
    "mapping": {"staging", "mapping", "seed"},
    "canonical": {"mapping", "canonical", "seed"},
    "kpi": {"canonical", "kpi", "seed"},
    "sync": {"canonical", "kpi", "sync", "seed"},
}
# What stands beside the rule, with its reason.
EXCEPTIONS = {
    # Quarantined rows are in no other layer: kpi counts them.
    ("kpi", "source.throughline.quality.quarantine"),
}
PREFIXES = {
    "staging": ("stg_",),
    "mapping": ("map_",),
    "canonical": ("dim_", "fct_", "evt_", "xref_", "reporting_points"),
    "kpi": ("kpi_", "int_"),
    "sync": ("sync_", "int_"),
}
FIRMS = {"sandbox": ["salesforce", "kantata", "netsuite", "bamboohr"], "tryton": ["tryton"]}


@pytest.fixture(scope="module", params=FIRMS)
def manifest(request: pytest.FixtureRequest, dbt_project: Path, run_dbt: Any, tmp_path_factory: Any) -> dict[str, Any]:
    """The parsed project of one firm."""
    folder = tmp_path_factory.mktemp("manifest")
    run_dbt(dbt_project, folder / "warehouse.duckdb", "parse", target=folder, systems=FIRMS[request.param])
    return json.loads((folder / "manifest.json").read_text())


def layer(node: dict[str, Any]) -> str:
    """Folder of a model is its layer; sources and seeds are layers of their own."""
    return node["resource_type"] if node["resource_type"] != "model" else node["fqn"][1]


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def violations(manifest: dict[str, Any]) -> list[str]:
    """Every edge that the rule forbids."""
    known = {**manifest["nodes"], **manifest["sources"]}
    found = []
    for node in models(manifest):
        for parent in node["depends_on"]["nodes"]:
            if layer(known[parent]) not in ALLOWED[layer(node)] and (layer(node), parent) not in EXCEPTIONS:
                found.append(f"{node['name']} ({layer(node)}) reads {parent} ({layer(known[parent])})")
    return found


def is_of_control(node: dict[str, Any]) -> bool:
    """The control store's own tables are no entity: they go from staging to canonical without a mapping."""
    return any(name.endswith((".stg_control__deliveries",)) for name in node["depends_on"]["nodes"])


def test_every_edge_goes_one_way(manifest):
    of_control = {node["name"] for node in models(manifest) if is_of_control(node)}
    assert len(models(manifest)) > 40
    assert [line for line in violations(manifest) if line.split()[0] not in of_control] == []


def test_an_edge_against_the_rule_is_seen(manifest):
    """The check itself: a canonical model that reads staging is found."""
    node = next(n for n in models(manifest) if n["name"] == "dim_legal_entity")
    staged = next(n for n in manifest["nodes"] if ".stg_" in n)
    node["depends_on"]["nodes"].append(staged)
    assert any(line.startswith("dim_legal_entity ") for line in violations(manifest))
    node["depends_on"]["nodes"].remove(staged)


def test_prefix_is_the_layer(manifest):
    assert [n["name"] for n in models(manifest) if not n["name"].startswith(PREFIXES[layer(n)])] == []


def test_every_model_and_column_is_described(manifest):
    undescribed = [n["name"] for n in models(manifest) if not n["description"]]
    undescribed += [
        f"{n['name']}.{column['name']}"
        for n in models(manifest)
        for column in n["columns"].values()
        if layer(n) in ("canonical", "kpi", "sync") and not column["description"]
    ]
    assert undescribed == []


def test_every_outbox_model_has_one_exposure_with_an_owner(manifest):
    outboxes = {n["unique_id"] for n in models(manifest) if n["name"].startswith("sync_")}
    exposed = [
        (parent, exposure["owner"]["name"])
        for exposure in manifest["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
    ]
    assert len(outboxes) == 6
    assert sorted(parent for parent, _ in exposed) == sorted(outboxes)
    assert {owner for _, owner in exposed} <= {"finance", "delivery", "sales_ops", "it", "data_steward"}


# Words that engines say differently; each has a macro of its own in macros/cross_engine.
ENGINE_WORDS = re.compile(
    r"\b(qualify|date_diff|datediff|unnest|generate_series|string_agg|strftime|date_format|timezone|json_object|epoch_us"
    r"|to_utc_timestamp|from_utc_timestamp)\b",
    re.IGNORECASE,
)


def test_engines_words_stay_in_their_macros(dbt_project):
    said = [
        f"{path.name}: {word.group()}"
        for layer_name in ("canonical", "kpi", "sync")
        for path in sorted((dbt_project / "models" / layer_name).rglob("*.sql"))
        for word in ENGINE_WORDS.finditer(re.sub(r"--.*", "", path.read_text()))
    ]
    assert said == []


def test_every_kpi_says_what_it_is(manifest):
    wanted = {"definition", "formula", "grain", "unit", "owner"}
    kpis = [n for n in models(manifest) if n["name"].startswith("kpi_")]
    assert len(kpis) >= 5
    assert [n["name"] for n in kpis if not wanted <= set(n["config"]["meta"])] == []
