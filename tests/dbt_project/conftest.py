"""The model on hand-made facts: mapping rows written by a test, everything above them built by dbt.

What belongs here: turning short rows into mapping relations with the exact contract columns, and one dbt run over
canonical, kpi and sync. What doesn't: expected numbers (those are in the tests) and anything that mapping does.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

PROJECT = Path(__file__).parents[2] / "dbt_project"
LAYERS = ("canonical", "kpi", "sync")
COMMON = {
    "source_instance": "main",
    "source_changed_at": "2026-01-01 00:00:00",
    "seen_at": "2026-01-01 00:00:00",
    "is_deleted": False,
    "record_hash": "h",
}
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Built:
    """A built warehouse. dbt keeps its own connection in this process, so this one has the same settings."""

    path: Path
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a question."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    def one(self, sql: str, *parameters: Any) -> Any:
        """The single value of a question; fails where there is not exactly one."""
        rows = self.rows(sql, *parameters)
        assert len(rows) == 1, f"expected one row, got {rows}"
        return rows[0][0]


def contracts() -> dict[str, list[tuple[str, str]]]:
    """Name of each mapping model and its columns with their types."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((PROJECT / "models" / "mapping").glob("*/_map_*.yml")):
        document = yaml.safe_load(path.read_text())
        for model in document["models"]:
            found[model["name"]] = [(column["name"], column["data_type"]) for column in model["columns"]]
    return found


def copy_project(folder: Path) -> Path:
    """The project with every mapping model reading the relation `fixture.<model>` that a test fills."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "staging", "mapping"))
    mapping = folder / "models" / "mapping"
    mapping.mkdir(parents=True)
    for name in contracts():
        system = name.rsplit("__", 1)[1]
        head = f"{{{{ config(enabled='{system}' in var('systems')) }}}}\n"
        (mapping / f"{name}.sql").write_text(f"{head}select * from fixture.{name}\n")
    staging = PROJECT / "models" / "staging"
    (folder / "models" / "staging").mkdir()
    shutil.copy(staging / "_operations.yml", folder / "models" / "staging")
    # The ledger's own tables are no entity: nothing here fills them, but what is built on them must parse.
    shutil.copytree(staging / "control", folder / "models" / "staging" / "control")
    return folder


def fill(path: Path, facts: Mapping[str, Rows], quarantine: Rows = ()) -> None:
    """Create every mapping relation and put the facts in; what a row does not say is null."""
    connection = duckdb.connect(str(path))
    connection.execute("create schema fixture")
    connection.execute("create schema quality")
    connection.execute(
        "create table quality.quarantine (system varchar, table_name varchar, instance varchar, source_id varchar,"
        " record_hash varchar, rule varchar, reason varchar, amount decimal(18, 4), currency varchar,"
        " detected_at timestamp, load_id varchar)"
    )
    declared = contracts()
    unknown = set(facts) - set(declared)
    assert not unknown, f"no such mapping model: {sorted(unknown)}"
    for name, columns in declared.items():
        connection.execute(f"create table fixture.{name} ({', '.join(f'{c} {t}' for c, t in columns)})")
        given = facts.get(name, ())
        if not given:
            continue
        rows = [{"source_system": name.rsplit("__", 1)[1], **COMMON, **fact} for fact in given]
        told = sorted({column for row in rows for column in row})
        extra = set(told) - {column for column, _ in columns}
        assert not extra, f"{name} has no column {sorted(extra)}"
        connection.register("told_rows", pa.table({column: [row.get(column) for row in rows] for column in told}))
        casts = ", ".join(f"cast({column} as {dict(columns)[column]})" for column in told)
        connection.execute(f"insert into fixture.{name} ({', '.join(told)}) select {casts} from told_rows")
        connection.unregister("told_rows")
    for fact in quarantine:
        marks = ", ".join("?" for _ in fact)
        connection.execute(f"insert into quality.quarantine ({', '.join(fact)}) values ({marks})", list(fact.values()))
    connection.close()


def dbt(project: Path, warehouse: Path, *arguments: str, target: Path | None = None, **variables: Any) -> None:
    """Run dbt on a project and a warehouse; fails with what dbt said.

    `target` is where dbt writes; a project of the tree needs one outside of it.

    The environment is set for this call only: the profile reads the warehouse's path from it.
    """
    from dbt.cli.main import dbtRunner

    # The project's own file is rendered before its own vars are known, so all of them are passed.
    declared = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
    before = dict(os.environ)
    os.environ.update(
        {
            "THROUGHLINE_WAREHOUSE": str(warehouse),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_QUIET": "true",
        }
        | {name: value for name, value in before.items() if name == "DBT_QUIET"}
    )
    try:
        outcome = dbtRunner().invoke(
            [
                *arguments,
                "--project-dir", str(project), "--profiles-dir", str(project),
                "--target-path", str(target or project / "target"), "--log-path", str(target or project / "logs"),
                "--vars", yaml.safe_dump(declared | variables),
            ]
        )  # fmt: skip
    finally:
        os.environ.clear()
        os.environ.update(before)
    if not outcome.success:
        failed = [
            f"{r.node.name}: {r.message}"
            for r in getattr(outcome.result, "results", [])
            if r.status not in ("success", "pass")
        ]
        pytest.fail(f"dbt {arguments[0]} failed: {outcome.exception or failed}")


def points_csv(points: Sequence[tuple[str, str, str, str, str]]) -> str:
    """Reporting points (entity, label, basis, as_of, knowledge_at) as the seed's text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["legal_entity_code", "period", "basis", "as_of", "knowledge_at"])
    writer.writerows(points)
    return text.getvalue()


@pytest.fixture(scope="session")
def dbt_project() -> Path:
    """The project of the tree."""
    return PROJECT


@pytest.fixture(scope="session")
def run_dbt() -> Callable[..., None]:
    """Run a dbt command."""
    return dbt


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Built]]:
    """Build the model on facts: `build(facts, points=..., quarantine=..., now=..., systems=...)`."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def run(
        facts: Mapping[str, Rows],
        points: Sequence[tuple[str, str, str, str, str]] = (),
        quarantine: Rows = (),
        command: str = "build",
        **variables: Any,
    ) -> Built:
        folder = tmp_path_factory.mktemp("model")
        project = copy_project(folder / "project")
        if points:
            (project / "seeds" / "reporting_points_added.csv").write_text(points_csv(points))
        warehouse = folder / "warehouse.duckdb"
        fill(warehouse, facts, quarantine)
        dbt(
            project,
            warehouse,
            command,
            "--exclude",
            "test_type:unit",
            "path:models/staging/control+",
            **variables,
        )
        connection = duckdb.connect(str(warehouse))
        opened.append(connection)
        return Built(warehouse, connection)

    yield run
    for connection in opened:
        connection.close()
