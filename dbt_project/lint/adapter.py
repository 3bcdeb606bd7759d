"""Stand-in for dbt's adapter while SQL is linted: a dispatched macro is its first argument.

Only sqlfluff loads this (library_path in .sqlfluff).
"""

from __future__ import annotations

from collections.abc import Callable


def dispatch(_name: str, _namespace: str | None = None) -> Callable[..., str]:
    """The macro of whatever engine: `null` for one that takes no SQL."""
    return lambda *arguments: arguments[0] if arguments and isinstance(arguments[0], str) else "null"
