"""Gives every row in doubt the end that its target allows: sent again, read back, or put before a person."""

from __future__ import annotations

from reverse_etl.canonical import shows
from reverse_etl.ledger import Ledger
from reverse_etl.outcomes import InDoubt
from reverse_etl.spec import Capability, Found, SyncSpec, Writer
from systems.errors import OutsideError

# Keys in one question to the target.
READ_BACK_MAX = 50


def settle(ledger: Ledger, spec: SyncSpec, writer: Writer) -> str | None:
    """Settle what can be settled now. Sends nothing.

    Upsert and keyed targets need nothing here: their rows in doubt are due for sending again. A findable target is
    asked once the settle time is over. A blind target's rows are parked.

    Returns:
        Why the target couldn't be asked, or None.
    """
    if spec.capability is Capability.BLIND:
        ledger.park(spec)
    if spec.capability is not Capability.FINDABLE:
        return None
    rows = ledger.to_read_back(spec)
    for start in range(0, len(rows), READ_BACK_MAX):
        asked = rows[start : start + READ_BACK_MAX]
        try:
            found = writer.read_back(spec, [row.key for row in asked])
        except OutsideError as error:
            return str(error)
        ledger.settle(spec, [(row, found.get(row.key), _is_as_wanted(row, found.get(row.key))) for row in asked])
    return None


def _is_as_wanted(row: InDoubt, found: Found | None) -> bool:
    if row.op == "delete":
        return found is None
    return found is not None and shows(found.fields, row.payload)
