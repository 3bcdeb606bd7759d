"""`make bench` runs them all, `make bench ONLY=ingest` one. Prints tables fit for the README."""

from __future__ import annotations

import importlib
import sys

ALL = ("ingest", "loop", "no_change")


def main() -> None:
    wanted = sys.argv[1:] or list(ALL)
    unknown = [w for w in wanted if w not in ALL]
    if unknown:
        raise SystemExit(f"no benchmark named {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in wanted:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
