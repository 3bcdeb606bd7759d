"""Stand-in for dbt's own macros while SQL is linted: types by name, everything else is its first argument.

Only sqlfluff loads this (library_path in .sqlfluff). What dbt really writes is not judged by the linter.
"""

from __future__ import annotations

from collections.abc import Callable


def __getattr__(name: str) -> Callable[..., str]:
    """Any macro of the `dbt` namespace."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name.startswith("type_"):
        return lambda *_: "varchar"
    return lambda *arguments: str(arguments[0]) if arguments else "null"
