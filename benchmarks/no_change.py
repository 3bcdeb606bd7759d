"""What a run costs when nothing changed, beside the first run on the same state."""

from __future__ import annotations

import os
import tempfile

from benchmarks.loop import measured_run, show


def main() -> None:
    """Measure a first run and the one after it."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["THROUGHLINE_STATE_DIR"] = state
        _, first, _ = measured_run()
        phases, whole, rows = measured_run()
        show("Nothing changed", phases, whole, rows)
        print(f"{whole / first:.0%} of the first run's {first:.1f} s")
