"""The child of a test: mounts a small file system for itself, fills it, and tells what a load and the loop say of it.

Runs in a mount namespace of its own, so nothing outside it sees the mount and nothing needs to be undone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from common.settings import Settings
from ingestion.inventory import source
from ingestion.pipeline import load
from systems.errors import Fatal

# How much room is left, in KiB: not enough to begin, to collect the rows, and to write them into the warehouse.
ROOM = (0, 48, 200)


def main() -> None:
    """One JSON line an attempt: what failed, and what the raw tables held after the next load."""
    order = json.loads(sys.argv[1])
    disk = Path(order["disk"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)], check=True)
    for room in ROOM:
        config = fresh(Path(order["state"]), disk)
        fill(disk, room)
        print(json.dumps({"failed": failing_load(config, order), "then": next_load(disk, config, order)}), flush=True)
    fresh(Path(order["state"]), disk)
    print(json.dumps({"failed": failing_loop(disk)}), flush=True)


def fresh(state: Path, disk: Path) -> Settings:
    """The state as it was after the first load."""
    shutil.rmtree(disk / "sandbox", ignore_errors=True)
    shutil.copytree(state / "sandbox", disk / "sandbox")
    return Settings(state_dir=disk)


def fill(disk: Path, room: int) -> None:
    """Leave `room` KiB."""
    with (disk / "ballast").open("wb") as ballast:
        ballast.write(bytes(max(0, shutil.disk_usage(disk).free - room * 1024)))


def failing_load(config: Settings, order: dict[str, Any]) -> str:
    try:
        load(source("salesforce"), config, config.clock(), tables=set(order["tables"]))
    except Fatal as failed:
        return str(failed)
    return "it did not fail"


def next_load(disk: Path, config: Settings, order: dict[str, Any]) -> dict[str, Any]:
    (disk / "ballast").unlink()
    load(source("salesforce"), config, config.clock(), tables=set(order["tables"]))
    con = duckdb.connect(str(config.warehouse))
    try:
        return {
            table: con.execute(f"select count(*), count(distinct _source_id) from raw_salesforce.{table}").fetchone()
            for table in order["tables"]
        }
    finally:
        con.close()


def failing_loop(disk: Path) -> str | None:
    """What the command would tell: the whole state is on the disk, Dagster's own records as well."""
    from orchestration.cli import _dagster_home
    from orchestration.loop import run_loop
    from orchestration.platform import platform

    os.environ |= {"THROUGHLINE_STATE_DIR": str(disk), "THROUGHLINE_FIRM": "sandbox"}
    here = platform()
    _dagster_home(here.config)
    here.dbt.manifest()
    fill(disk, 400)
    return run_loop(here).error


if __name__ == "__main__":
    main()
