"""Payloads to Kantata OX: projects. Class F: OX has no upsert and honours no idempotency key.

A create carries our key in its own body, as the custom field `throughline_key`; a second call that marks the project
afterwards could be lost in between. The key is read back from the database's own filter. An update looks first and
sends only what differs, because OX takes own fields and custom fields at different endpoints (and clears a custom field
by deleting its value): so it is one write, or several where several kinds changed, and each of them leaves the same state
however often it arrives. Knows no ledger, retries nothing.
"""

from __future__ import annotations

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
from systems.kantata.client import Client, Workspace

MAX_BATCH = 20
# Payload field -> OX's own field. Every other payload field is a custom field of its name.
OWN_FIELDS = {
    "title": "title",
    "workspace_group_id": "primary_workspace_group_id",
    "currency": "currency",
    "start_date": "start_date",
    "due_date": "due_date",
}


class KantataWriter:
    """Sends to one account. Safe for threads, as its client is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """Creates in one request, or one update; see `reverse_etl.spec.Writer`.

        Raises:
            ValueError: a delete, more than twenty rows, or an update beside other rows: OX updates one at a time.
            Fatal: the account can't be talked to, or lacks one of our custom fields; nothing was executed.
        """
        if not operations:
            return []
        kinds = {operation.op for operation in operations}
        if "delete" in kinds:
            raise ValueError(f"{spec.sync_id}: deletes are not sent to Kantata, they are final there")
        if len(operations) > MAX_BATCH or (len(operations) > 1 and kinds != {"create"}):
            raise ValueError(f"{spec.sync_id}: up to {MAX_BATCH} creates or one update a request")
        try:
            if kinds == {"create"}:
                return self._create(spec, operations)
            return [self._update(operations[0])]
        except (InDoubt, Rejected, Retriable) as error:
            return [_refusal(error, alone=len(operations) == 1)] * len(operations)

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the account holds under `keys`, archived projects too; see `reverse_etl.spec.Writer`.

        Where several projects carry one key, the oldest is meant.

        Raises:
            OutsideError: the account could not answer.
        """
        found = self._client.find_workspaces(spec.key_field, list(keys))
        return {
            key: Found(workspaces[0].id, {name: shown(workspaces[0], name) for name in spec.fields})
            for key, workspaces in found.items()
        }

    def _create(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        created = self._client.create_workspaces(
            [_own(operation.payload) for operation in operations],
            [{**_custom(operation.payload), spec.key_field: operation.key} for operation in operations],
            operations[0].request_id,
        )
        by_key = {workspace.custom_fields.get(spec.key_field): workspace for workspace in created}
        return [
            Acked(by_key[operation.key].id, by_key[operation.key].updated_at)
            if operation.key in by_key
            else Doubt(f"the answer does not show a project with the key {operation.key}")
            for operation in operations
        ]

    def _update(self, operation: Operation) -> Outcome:
        native_id = operation.native_id
        if native_id is None:
            raise ValueError(f"{operation.key}: an update needs the project's id")
        now = self._client.workspace(native_id)
        if now is None:
            return RejectedRow("gone", f"Kantata has no project {native_id} any more; somebody deleted it")
        changed = {k: v for k, v in operation.payload.items() if shown(now, k) != v}
        stamp = now.updated_at
        if own := _own(changed):
            stamp = self._client.update_workspace(native_id, own, operation.request_id).updated_at
        custom = _custom(changed)
        if given := {name: value for name, value in custom.items() if value is not None}:
            self._client.set_custom_fields(native_id, given, operation.request_id)
        for name in custom.keys() - given.keys():
            self._client.clear_custom_field(now.value_ids[name], operation.request_id)
        return Acked(native_id, stamp)


def connect() -> KantataWriter:
    """A writer to the account that the environment names."""
    from systems.kantata.client import connect as open_client

    return KantataWriter(open_client())


def shown(workspace: Workspace, name: str) -> Any:
    """A project's value in the payload's words; empty custom fields count as null."""
    if name in OWN_FIELDS:
        return workspace.record.get(OWN_FIELDS[name])
    return workspace.custom_fields.get(name) or None


def _own(payload: Mapping[str, Any]) -> dict[str, Any]:
    """OX's own fields. A null client is not told at a create; at an update it takes the project out of its group."""
    body = {OWN_FIELDS[name]: value for name, value in payload.items() if name in OWN_FIELDS}
    if "workspace_group_id" in payload:
        group = payload["workspace_group_id"]
        body["workspace_group_ids"] = [group] if group is not None else []
    return body


def _custom(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in OWN_FIELDS}


def _refusal(error: OutsideError, *, alone: bool) -> Outcome:
    """What an error about the whole request means for each of its rows; a row that was alone is the bad one."""
    if isinstance(error, Retriable):
        return Throttled(error.after, str(error))
    if isinstance(error, Rejected):
        code = error.code or "validation"
        return RejectedRow(code, str(error), error.field) if alone else BatchRefused(code, str(error))
    return Doubt(str(error))
