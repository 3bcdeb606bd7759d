"""Virtual time moves only forward, and every process of a firm sees the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.clock import FileClock, ManualClock

START = datetime(2026, 10, 15, 6, tzinfo=UTC)


def test_two_clocks_on_one_file_agree(tmp_path: Path) -> None:
    mine, other = (FileClock(tmp_path / "clock.json", START) for _ in range(2))
    assert mine.now() == other.now() == START
    mine.advance(timedelta(days=7))
    assert other.now() == START + timedelta(days=7)


@pytest.mark.parametrize("make", [lambda p: FileClock(p, START), lambda _: ManualClock(START)])
def test_time_does_not_run_backwards(make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="backwards"):
        make(tmp_path / "c.json").advance(timedelta(seconds=-1))
