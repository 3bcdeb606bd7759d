"""dbt inside this process: the manifest of the active firm, and builds whose results are plain rows.

One invocation at a time per process. The manifest and dbt's own parse cache live in the firm's state folder, so that
two firms, whose systems differ, don't throw away each other's.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from common.clock import Clock
from common.settings import ROOT, Settings
from systems.http import redact

PROJECT = ROOT / "dbt_project"


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test."""

    unique_id: str
    name: str
    resource_type: str
    status: str
    seconds: float
    message: str


class DbtFailed(Exception):
    """dbt refused or failed; the message names the nodes and what they said."""


class Dbt:
    """The dbt project of one firm."""

    def __init__(self, config: Settings, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self.target = config.home / "dbt"

    def fingerprint(self) -> str:
        """Hash of everything in the project: tells whether the manifest is stale, and which code made a number."""
        digest = hashlib.sha256(",".join(self._config.systems).encode())
        for path in sorted(PROJECT.rglob("*")):
            relevant = path.suffix in (".sql", ".yml", ".csv") and path.is_file()
            if relevant and not {"target", "logs"} & set(path.relative_to(PROJECT).parts):
                digest.update(str(path.relative_to(PROJECT)).encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def manifest(self) -> dict[str, Any]:
        """The project's manifest, parsed anew only where the project changed since."""
        path = self.target / "manifest.json"
        stamp = self.target / "manifest.fingerprint"
        current = self.fingerprint()
        if not path.exists() or not stamp.exists() or stamp.read_text() != current:
            self._invoke(["parse"])
            stamp.write_text(current)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def build(self, select: list[str] | None = None) -> list[NodeResult]:
        """Build seeds, models and tests.

        Raises:
            DbtFailed: a node failed; the models below it were skipped and keep their previous content.
        """
        result = self._invoke(["build", *(["--select", *select] if select else [])], check=False)
        if result.result is None:
            raise DbtFailed(f"dbt could not start: {result.exception}")
        rows = [
            NodeResult(
                unique_id=str(r.node.unique_id),
                name=str(r.node.name),
                resource_type=str(r.node.resource_type),
                status=str(getattr(r.status, "value", r.status)),
                seconds=float(r.execution_time or 0.0),
                message=str(r.message or ""),
            )
            for r in result.result.results
        ]
        failed = [r for r in rows if r.status in ("error", "fail")]
        if failed:
            said = "; ".join(f"{r.name}: {redact(' '.join(r.message.split()), 300)}" for r in failed[:5])
            raise DbtFailed(
                f"{len(failed)} of {len(rows)} dbt nodes failed, nothing was published or pushed. {said}. "
                f"Compiled SQL is under {self.target / 'compiled'}."
            )
        return rows

    def _invoke(self, command: list[str], check: bool = True) -> Any:
        from dbt.cli.main import dbtRunner

        os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        os.environ["THROUGHLINE_WAREHOUSE"] = str(self._config.warehouse)
        self.target.mkdir(parents=True, exist_ok=True)
        self._config.warehouse.parent.mkdir(parents=True, exist_ok=True)
        variables = {
            "systems": list(self._config.systems),
            "now": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
            "time_export_go_live": self._config.time_export_go_live,
        }
        try:
            result = dbtRunner().invoke(
                [
                    # What fails is raised in our words; dbt's own log file has the rest.
                    "--log-level",
                    "none",
                    "--no-use-colors",
                    *command,
                    "--project-dir",
                    str(PROJECT),
                    "--profiles-dir",
                    str(PROJECT),
                    "--target-path",
                    str(self.target),
                    "--log-path",
                    str(self.target / "logs"),
                    "--vars",
                    json.dumps(variables),
                ]
            )
        finally:
            _let_go()
        if check and not result.success:
            raise DbtFailed(f"dbt {command[0]} failed: {result.exception}")
        return result


def _let_go() -> None:
    """Close the warehouse that dbt-duckdb keeps open between invocations: other processes of the firm wait for it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
    gc.collect()
