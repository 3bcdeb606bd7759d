"""Payloads to NetSuite: one record a request, upserted by our external id. Class U throughout.

A record whose internal id is known is changed by that id and gets our external id: it may have been made by hand, or
under a key that an account merge has changed since. Upserted by key, it would be made a second time.

Payloads are flat: a reference is a plain internal id, a currency its ISO code, an employee the firm's own number. This
module gives them NetSuite's shape and reads them back into ours. Knows no ledger and retries nothing; what the
account's answers mean is decided in `systems/netsuite/client.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.spec import (
    Acked,
    Doubt,
    Found,
    Operation,
    Outcome,
    PeriodShut,
    RejectedRow,
    SyncSpec,
    Throttled,
)
from systems.errors import InDoubt, PeriodClosed, Rejected, Retriable
from systems.netsuite.client import Client

# Fields that point to another record, by record type.
REFERENCES: dict[str, frozenset[str]] = {
    "customer": frozenset({"subsidiary", "currency"}),
    "customrecord_billing_schedule": frozenset({"custrecord_bs_customer"}),
    "timebill": frozenset({"customer", "employee", "subsidiary", "department", "class", "location"}),
}
# References that our payloads name by something else than the internal id: field -> (table, column).
NAMED = {"currency": ("currency", "symbol"), "employee": ("employee", "entityid")}


class NetSuiteWriter:
    """Sends to one account. Safe for threads, as its client is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, dict[str, str]] = {}
        self._reading = threading.Lock()

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """One request with the one row; see `reverse_etl.spec.Writer`.

        Raises:
            ValueError: a delete (nothing that we push to NetSuite is ever deleted), or more than one row.
            Fatal: the account can't be talked to.
        """
        if len(operations) > 1:
            raise ValueError(f"{spec.sync_id}: NetSuite takes one record a request, {len(operations)} were given")
        if any(operation.op == "delete" for operation in operations):
            raise ValueError(f"{spec.sync_id}: deletes are not sent to NetSuite")
        return [self._send(spec, operation) for operation in operations]

    def _send(self, spec: SyncSpec, operation: Operation) -> Outcome:
        try:
            body = {name: self._told(spec, name, value) for name, value in operation.payload.items()}
            if operation.op == "update" and operation.native_id is not None:
                written = self._client.update(
                    spec.record_type, operation.native_id, operation.key, body, operation.request_id
                )
            else:
                written = self._client.upsert(spec.record_type, operation.key, body, operation.request_id)
        except PeriodClosed as error:
            return PeriodShut(error.code or "PERIOD_CLOSED", str(error))
        except Rejected as error:
            return RejectedRow(error.code or "REJECTED", str(error), error.field)
        except Retriable as error:
            return Throttled(error.after, str(error))
        except InDoubt as error:
            return Doubt(str(error))
        return Acked(written.native_id)

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the account holds under `keys`, each asked by its external id; see `reverse_etl.spec.Writer`.

        Raises:
            OutsideError: the account could not answer.
        """
        found: dict[str, Found] = {}
        for key in keys:
            record = self._client.get(spec.record_type, key)
            if record is not None:
                fields = {name: self._worded(spec, name, record) for name in spec.fields}
                found[key] = Found(str(record["id"]), fields)
        return found

    def _told(self, spec: SyncSpec, name: str, value: Any) -> Any:
        """A payload's value in NetSuite's shape.

        Raises:
            Rejected: the account has no such currency or employee.
        """
        if value is None or name not in REFERENCES.get(spec.record_type, ()):
            return value
        return {"id": self._id(name, str(value)) if name in NAMED else str(value)}

    def _worded(self, spec: SyncSpec, name: str, record: Mapping[str, Any]) -> Any:
        """A record's value as payloads word it."""
        value = record.get(name)
        if value is None or name not in REFERENCES.get(spec.record_type, ()):
            return value
        id_ = str(value["id"])
        if name not in NAMED:
            return id_
        known = {native: word for word, native in self._table(name).items()}
        if id_ not in known:
            known = {native: word for word, native in self._table(name, afresh=True).items()}
        return known.get(id_)

    def _id(self, name: str, word: str) -> str:
        found = self._table(name).get(word) or self._table(name, afresh=True).get(word)
        if found is None:
            raise Rejected(
                "netsuite",
                f"there is no {name} '{word}' in this account. Create it in NetSuite; the row is sent again once its "
                "payload changes or somebody replays it.",
                field=name,
                code="UNKNOWN_REFERENCE",
            )
        return found

    def _table(self, name: str, *, afresh: bool = False) -> dict[str, str]:
        """Internal ids by our word for them, read once; again where a word is missing."""
        with self._reading:
            if afresh or name not in self._ids:
                self._ids[name] = self._client.lookup(*NAMED[name])
            return self._ids[name]


def connect() -> NetSuiteWriter:
    """A writer to the account that the environment names.

    Raises:
        Fatal: it names none.
    """
    from systems.netsuite.client import connect as open_client

    return NetSuiteWriter(open_client())
