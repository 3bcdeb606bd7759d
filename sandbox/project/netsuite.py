"""The firm's truth as NetSuite holds it."""

from __future__ import annotations

import re
import zlib

# Kind -> first internal id. NetSuite numbers each record type by itself, but all transactions share one sequence, so
# invoices, credit memos and payments must never meet. One width a kind: ids sort as numbers and as text alike.
FIRST_ID = {
    "customer": 20_000,
    "invoice": 1_000_000,
    "payment": 5_000_000,
    "billing_schedule": 30_000,
    "employee": 10_000,
}
# OneWorld's root subsidiary is 1, and the firm's first entity is that root.
SUBSIDIARIES = {"DE01": "1", "US01": "2"}


def native_id(kind: str, truth_id: str) -> str:
    """The internal id that NetSuite gave to a record of the truth: digits, the same one each time.

    Args:
        kind: `customer`, `invoice` (credit memos too), `payment`, `billing_schedule` (by opportunity), `employee`
            (by resource), `subsidiary`, `period`.
        truth_id: the record's id in the truth ('C0001', 'DE01', '2026-03:DE01').

    Raises:
        KeyError: if NetSuite holds no such kind.
    """
    if kind == "subsidiary":
        return SUBSIDIARIES.get(truth_id) or str(100 + zlib.crc32(truth_id.encode()) % 900)
    if kind == "period":
        month, _, entity = truth_id.partition(":")
        return f"{native_id('subsidiary', entity)}{month.replace('-', '')}"
    number = int(re.sub(r"\D", "", truth_id) or zlib.crc32(truth_id.encode()) % 9_000)
    return str(FIRST_ID[kind] + number)
