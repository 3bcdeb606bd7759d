"""The order of the tests: long ones first, those of the real Tryton last, while its template is being built.

A fresh machine builds that template once (some minutes of one core). A child of the session starts on it at once, so
that no worker waits for it; where it fails, the first test that needs it says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Folders whose place in the order matters; the others keep theirs in between.
FIRST = ("end_to_end", "dbt_project", "faults")
LAST = ("real_systems",)
BUILDER = pytest.StashKey[subprocess.Popen[bytes]]()


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    if folder in FIRST:
        return FIRST.index(folder)
    return len(FIRST) + (1 if folder in LAST else 0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    worker = hasattr(config, "workerinput")
    whole = [Path(a).resolve() for a in config.args] in ([ROOT / "tests"], [ROOT])
    if whole and not worker and not config.option.collectonly:
        config.stash[BUILDER] = subprocess.Popen(
            [sys.executable, "-m", "sandbox.tryton.template"],
            cwd=ROOT, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def pytest_sessionfinish(session: pytest.Session) -> None:
    builder = session.config.stash.get(BUILDER, None)
    if builder is not None and builder.poll() is None:
        builder.terminate()
        builder.wait(timeout=30)
