"""Stand-in for dbt's exceptions while SQL is linted: sqlfluff knows no vars, so a firm without systems is no mistake.

Only sqlfluff loads this (library_path in .sqlfluff).
"""

from __future__ import annotations


def raise_compiler_error(_message: str) -> str:
    """A query that stands where the real one would."""
    return "select * from stand_in"
