"""Reads the published generation. Read-only, never the pipeline's own file; knows no page and no chart.

Results are cached by generation, query and parameters: a new generation is a new file, so nothing stale is shown.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent


class NothingPublished(Exception):
    """There is no generation yet; the message says how to make one."""


def link() -> Path:
    """Where the current generation is linked: THROUGHLINE_PUBLISHED, else the sandbox firm's."""
    given = os.environ.get("THROUGHLINE_PUBLISHED")
    return Path(given) if given else ROOT / ".throughline" / "sandbox" / "published" / "current.duckdb"


def current() -> Path:
    """The file of the current generation.

    Raises:
        NothingPublished: nothing was published yet.
    """
    try:
        return link().resolve(strict=True)
    except FileNotFoundError as error:
        raise NothingPublished(
            f"Nothing is published at {link()}. Run `make run` first; a red gate keeps the previous generation."
        ) from error


def ask(sql: str, **params: Any) -> pd.DataFrame:
    """The answer of the current generation to a query with named parameters (`$name`)."""
    return _ask(current(), sql, tuple(sorted(params.items()))).copy()


@lru_cache(maxsize=256)
def _ask(path: Path, sql: str, params: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
    con = duckdb.connect(str(path), read_only=True, config={"enable_external_access": "false"})
    try:
        con.execute("set lock_configuration=true")
        return con.execute(sql, dict(params)).df()
    finally:
        con.close()
