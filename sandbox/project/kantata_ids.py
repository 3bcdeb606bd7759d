"""Kantata's ids, and how Kantata writes instants: what every other part of its projection uses."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

# OX ids are numbers, told as text. Each kind has its own range, so that an id says what it belongs to.
_FIRST = {
    "customer": 2_000_000,  # workspace_groups
    "project": 41_000_000,  # workspaces
    "project_status": 610_000_000,  # workspace_status_changes; truth id 'P0001:<n>'
    "resource": 12_000_000,  # users
    "milestone": 330_000_000,  # stories
    "time_entry": 700_000_000,  # time_entries
    "submission": 520_000_000,  # timesheet_submissions; truth id '<first entry>:<n>'
    "rate_card": 81_000,
    "rate_card_set": 82_000,
    "rate_card_version": 91_000,
    "rate_card_set_version": 92_000,
    "rate_card_role": 95_000,
    "role": 3_000,
    "custom_field": 7_000,
    "custom_field_set": 8_000,
    "custom_field_value": 900_000_000,
    "external_reference": 450_000_000,
}
_PARTS = 100
_TRUTH_ID = re.compile(r"[A-Z]+(\d+)(?::(\d+))?")
# OX answers in the account's time zone, not in UTC; this account was opened in California.
_ACCOUNT_ZONE = ZoneInfo("America/Los_Angeles")


@lru_cache(maxsize=1 << 17)
def native_id(kind: str, truth_id: str) -> str:
    """The id that Kantata gave to a record of the firm: digits, the same each time.

    Args:
        kind: the truth's word for it (customer, project, resource, milestone, time_entry, rate_card, role ...).
        truth_id: the truth's id ('P0001'); 'P0001:2' for the second part of one.

    Raises:
        KeyError: if Kantata has no such kind.
    """
    first = _FIRST[kind]
    plain = _TRUTH_ID.fullmatch(truth_id)
    if plain is None:
        # Ids without a number of their own (rate cards, roles): far above every range.
        digest = hashlib.blake2b(f"{kind}:{truth_id}".encode(), digest_size=5).digest()
        return str(10**12 + int.from_bytes(digest, "big"))
    number, part = int(plain[1]), plain[2]
    return str(first * _PARTS + number * _PARTS + int(part) if part else first + number)


@lru_cache(maxsize=1 << 17)
def told(at: datetime) -> str:
    """An instant as OX tells it: ISO 8601 with the account's offset."""
    return at.astimezone(_ACCOUNT_ZONE).isoformat()
