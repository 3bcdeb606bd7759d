"""`python -m sandbox.tryton.serve`: what `make run FIRM=tryton` starts as a child. Prints one JSON line when ready.

Serves until standard input ends, so that the server never outlives the command that started it. Progress of the first
build (some minutes) goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

from common.settings import settings
from sandbox.tryton.environment import TrytonUnavailable
from sandbox.tryton.server import serve


def main() -> None:
    """Serve the demo firm's Tryton, and leave its address beside the state for other commands of the same firm."""
    config = settings()
    folder = config.home / "systems"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = serve(folder, clock=config.clock(), progress=lambda text: print(text, file=sys.stderr, flush=True))
    except TrytonUnavailable as reason:
        raise SystemExit(str(reason)) from reason
    note = folder / "running.json"
    ready = {"pid": os.getpid(), "environment": handle.environment(), "systems": {"tryton": handle.url}}
    try:
        note.touch(mode=0o600)
        note.write_text(json.dumps(ready))
        print(json.dumps(ready), flush=True)
        sys.stdin.read()
    finally:
        note.unlink(missing_ok=True)
        handle.stop()


if __name__ == "__main__":
    main()
