"""One record of a system as its projection yields it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Row:
    """A record in the vendor's raw shape, as it looks at the projected instant.

    `modified` is the vendor's own last-change time. `deleted` rows existed and are gone (hard delete).
    """

    object: str
    id: str
    record: dict[str, Any]
    modified: datetime
    deleted: bool = False
