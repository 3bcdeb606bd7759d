"""One text for one JSON value, so that equal states have equal hashes whoever wrote them.

1, 1.0 and 1.00 are the same number; true is not 1; null is not ''. Nothing else is forgiven: a writer and an outbox
model that word the same instant differently are different, and cost one needless update, never a wrong one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def canonical(value: Any) -> str:
    """The one text of a JSON value.

    Raises:
        ValueError: for a number that JSON has no word for (NaN, infinity).
        TypeError: for something that is not JSON.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def shows(held: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Whether a target that holds `held` already shows every field of `payload`; a field it lacks counts as null."""
    return all(canonical(held.get(name)) == canonical(value) for name, value in payload.items())


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
