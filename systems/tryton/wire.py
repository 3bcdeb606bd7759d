"""Tryton's JSON and plain values: typed values travel as objects with a `__class__`.

`to_wire` makes them, `plain` unmakes them into JSON scalars: instants 'YYYY-MM-DDTHH:MM:SS.ffffffZ' (the server's are
naive UTC), dates 'YYYY-MM-DD', durations seconds, decimals text that keeps every digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any


def to_wire(value: Any) -> Any:
    """A Python value as the server reads it; lists and mappings through and through."""
    wire = value
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        wire = {"__class__": "datetime", **{part: getattr(at, part) for part in parts}}
    elif isinstance(value, date):
        wire = {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    elif isinstance(value, timedelta):
        wire = {"__class__": "timedelta", "seconds": value.total_seconds()}
    elif isinstance(value, Decimal):
        wire = {"__class__": "Decimal", "decimal": str(value)}
    elif isinstance(value, Mapping):
        wire = {name: to_wire(item) for name, item in value.items()}
    elif isinstance(value, list | tuple):
        wire = [to_wire(item) for item in value]
    return wire


_PLAIN: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "Decimal": lambda v: v["decimal"],
    "datetime": lambda v: instant(v).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    "date": lambda v: f"{v['year']:04d}-{v['month']:02d}-{v['day']:02d}",
    "time": lambda v: f"{v['hour']:02d}:{v['minute']:02d}:{v['second']:02d}",
    "timedelta": lambda v: float(v["seconds"]),
    "bytes": lambda v: v["base64"],
}


def plain(value: Any) -> Any:
    """A value of an answer as a JSON scalar; a list of ids is the text `,1,2,`, empty `,`.

    Raises:
        ValueError: a typed value of a kind that Tryton 8.0 does not have.
    """
    if isinstance(value, list):
        return "".join([",", *(f"{plain(item)}," for item in value)])
    if not isinstance(value, dict) or "__class__" not in value:
        return value
    if value["__class__"] not in _PLAIN:
        raise ValueError(f"a value of class {value['__class__']!r}")
    return _PLAIN[value["__class__"]](value)


def instant(value: Mapping[str, Any]) -> datetime:
    """A typed instant of an answer, aware."""
    return datetime(
        value["year"], value["month"], value["day"], value["hour"], value["minute"], value["second"],
        value["microsecond"], tzinfo=UTC,
    )  # fmt: skip


def column(record: Mapping[str, Any], name: str) -> Any:
    """The value of a column of ours in a record of an answer: `currency__code` is the path `currency.code`."""
    *relations, field = name.split("__")
    current: Any = record
    for relation in relations:
        current = current.get(f"{relation}.")
        if current is None:
            return None
    return plain(current.get(field))
