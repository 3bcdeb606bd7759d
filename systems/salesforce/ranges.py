"""One large object as several ranges of change time, to be read side by side. Knows neither HTTP nor SOQL."""

from __future__ import annotations

from datetime import datetime


def split(first: datetime, last: datetime, parts: int) -> list[tuple[datetime | None, datetime | None]]:
    """`parts` half-open ranges [from, to) of equal length from `first` to `last`.

    The outer ends are open, so a row that changes while we read has a range too: one that moves behind a range which
    was read already comes with the next read's overlap.
    """
    step = (last - first) / parts
    edges = [first + step * number for number in range(1, parts)]
    if step.total_seconds() < 1:
        return [(None, None)]
    return list(zip([None, *edges], [*edges, None], strict=True))
