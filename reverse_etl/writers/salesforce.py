"""Payloads to Salesforce: one collections request a batch, one outcome a row. Class U throughout.

Opportunities are updated by `Id` (sales makes them, we never do), invoice statuses upserted by our external id. Knows no
ledger and retries nothing; what the org's answers mean is decided in `systems/salesforce/client.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.spec import (
    Acked,
    BatchRefused,
    Doubt,
    Found,
    Operation,
    Outcome,
    RejectedRow,
    SyncSpec,
    Throttled,
)
from systems.errors import InDoubt, OutsideError, Rejected, Retriable
from systems.salesforce.client import Client, WriteResult

# 2026-10-15T06:00:00.000+0000, as the REST API words an instant.
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?\+0000")


class SalesforceWriter:
    """Sends to one org. Safe for threads, as its client is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """One request with all rows; see `reverse_etl.spec.Writer`.

        Raises:
            ValueError: a delete; nothing that we push to Salesforce is ever deleted.
            Fatal: the org can't be talked to.
        """
        if any(operation.op == "delete" for operation in operations):
            raise ValueError(f"{spec.sync_id}: deletes are not sent to Salesforce")
        if not operations:
            return []
        rows = [{**operation.payload, spec.key_field: operation.key} for operation in operations]
        try:
            results = self._client.write(spec.record_type, rows, spec.key_field, operations[0].request_id)
        except (InDoubt, Rejected, Retriable) as error:
            return [_whole(error, alone=len(rows) == 1)] * len(rows)
        return [_outcome(result) for result in results]

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the org holds under `keys`, by a query on the database; see `reverse_etl.spec.Writer`.

        Raises:
            OutsideError: the org could not answer.
        """
        rows = self._client.read_by(spec.record_type, spec.key_field, keys, spec.fields)
        return {
            str(row[spec.key_field]): Found(str(row["Id"]), {name: _worded(row.get(name)) for name in spec.fields})
            for row in rows
        }

    def describe(self, spec: SyncSpec) -> Mapping[str, Any]:
        """The target's own description of the record type: what a mapping is checked against before a send."""
        return self._client.describe(spec.record_type)


def connect() -> SalesforceWriter:
    """A writer to the org that the environment names.

    Raises:
        Fatal: it names none.
    """
    from systems.salesforce.client import connect as open_client

    return SalesforceWriter(open_client())


def _outcome(result: WriteResult) -> Outcome:
    error = result.error
    if isinstance(error, Rejected):
        return RejectedRow(error.code or "REJECTED", str(error), error.field)
    if isinstance(error, Retriable):
        return Throttled(error.after, str(error))
    if error is not None or result.native_id is None:
        return Doubt(str(error))
    return Acked(result.native_id)


def _whole(error: OutsideError, *, alone: bool) -> Outcome:
    """What an error about the whole request means for each of its rows; a row that was alone is the bad one."""
    if isinstance(error, Retriable):
        return Throttled(error.after, str(error))
    if isinstance(error, Rejected):
        code = error.code or "REJECTED"
        return RejectedRow(code, str(error), error.field) if alone else BatchRefused(code, str(error))
    return Doubt(str(error))


def _worded(value: Any) -> Any:
    """A value as payloads word it: instants to the second, with `Z`."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    return f"{match[1]}Z" if match else value
