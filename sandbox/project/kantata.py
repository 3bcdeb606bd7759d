"""The firm's truth as Kantata OX (formerly Mavenlink) would hold it.

What belongs here: OX objects, their field names, ids and the rows that a known defect spoils. How they are served is
in `sandbox/fakes/kantata.py`.
"""

from __future__ import annotations

import hashlib
import re

# OX ids are numbers, told as text. Each kind has its own range, so that an id says what it belongs to.
_FIRST = {
    "customer": 2_000_000,  # workspace_groups
    "project": 41_000_000,  # workspaces
    "project_status": 610_000_000,  # workspace_status_changes; truth id 'P0001:<n>'
    "resource": 12_000_000,  # users
    "milestone": 330_000_000,  # stories
    "time_entry": 700_000_000,  # time_entries
    "submission": 520_000_000,  # timesheet_submissions; truth id of the first entry and the number of the submission
    "rate_card": 81_000,  # rate_cards
    "rate_card_version": 91_000,
    "rate_card_role": 95_000,
    "role": 3_000,
    "custom_field": 7_000,
    "custom_field_value": 900_000_000,
    "external_reference": 450_000_000,
}
_PARTS = 100
_TRUTH_ID = re.compile(r"[A-Z]+(\d+)(?::(\d+))?")


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
        return str(10**12 + int.from_bytes(digest))
    number, part = int(plain[1]), plain[2]
    return str(first * _PARTS + number * _PARTS + int(part) if part else first + number)
