"""What a write to Kantata OX does to its records: checks, defaults, and what changes along with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.clock import Clock
from sandbox.fakes.kantata_objects import OBJECTS, Object
from sandbox.fakes.store import Store
from sandbox.project.kantata import ACCOUNT_ID, STATUSES
from sandbox.project.kantata_ids import told

MAX_BULK = 100
MAX_TITLE = 255
# Ids that OX gives from now on lie above those of the firm's history.
_NEXT = {
    "workspaces": 45_000_000,
    "workspace_groups": 2_900_000,
    "workspace_status_changes": 68_000_000_000,
    "custom_field_values": 990_000_000,
    "external_references": 490_000_000,
    "time_entries": 790_000_000,
}
STATUS_BY_KEY = {status["key"]: status for status in STATUSES.values()}
CREATED = STATUSES["created"]
_REFERS = {
    "workspace_id": "workspaces",
    "user_id": "users",
    "role_id": "roles",
    "story_id": "stories",
    "rate_card_id": "rate_cards",
    "primary_workspace_group_id": "workspace_groups",
    "primary_maven_id": "users",
}
_SUBJECTS = {"Workspace": "workspaces", "Story": "stories", "User": "users", "WorkspaceGroup": "workspace_groups"}


class Refused(Exception):
    """OX refuses the request; nothing of it was executed."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        super().__init__(json.dumps(errors))
        self.status = status
        self.errors = errors


def invalid(field: str, message: str) -> Refused:
    """A record that OX's model does not accept."""
    return Refused(422, [{"type": "validation", "message": message, "field": field}])


class Writes:
    """Creates, updates and deletes, each as one transaction of the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, name: str, kind: Object, body: Mapping[str, Any], request_id: str | None) -> list[str]:
        """Create one record, or all those of a bulk body. Returns their ids.

        Raises:
            Refused: a record is not acceptable; then none is created.
        """
        if not kind.create or name == "external_references":
            raise Refused(404, [{"type": "system", "message": f"{name} cannot be created"}])
        many = body.get(name)
        items = many if isinstance(many, list) else [body.get(kind.singular)]
        if not items or len(items) > MAX_BULK or not all(isinstance(item, dict) for item in items):
            raise Refused(400, [{"type": "system", "message": f"1 to {MAX_BULK} {name} are expected"}])
        with self._store.atomic():
            return [self._create(name, kind, item, request_id) for item in items]

    def update(self, name: str, kind: Object, id_: str, body: Mapping[str, Any], request_id: str | None) -> None:
        """Change the given fields of one record.

        Raises:
            Refused: 404 where there is no such record, 422 where a field is not acceptable.
        """
        fields = body.get(kind.singular)
        if not kind.update or not isinstance(fields, dict):
            raise Refused(400, [{"type": "system", "message": f"a {kind.singular} is expected"}])
        with self._store.atomic():
            stored = self._store.get(name, id_)
            if stored is None or stored.deleted:
                raise Refused(404, [{"type": "system", "message": f"There is no such {kind.singular}"}])
            self._check(kind.update, fields, kind)
            if name == "workspaces":
                self._update_workspace(id_, stored.record, fields, request_id)
            else:
                record = {**stored.record, **_plain(fields)}
                if name == "custom_field_values":
                    record["display_value"] = str(fields.get("value", record["value"]))
                self._put(name, id_, record, request_id)

    def delete(self, name: str, kind: Object, id_: str, request_id: str | None) -> None:
        """Remove a record for good.

        Raises:
            Refused: 404 where there is none.
        """
        with self._store.atomic():
            stored = self._store.get(name, id_)
            if not kind.update or stored is None or stored.deleted:
                raise Refused(404, [{"type": "system", "message": f"There is no such {kind.singular}"}])
            self._store.delete(name, id_, self._clock.now(), request_id=request_id)
            if name == "custom_field_values":
                subject, subject_id = stored.record["subject_type"], str(stored.record["subject_id"])
                mine = self._store.find("custom_field_values", "subject_id", subject_id)
                left = [value.id for value in mine if value.record["subject_type"] == subject]
                self._link(subject, subject_id, "custom_field_value_ids", left)

    def reference(self, kind: Object, body: Mapping[str, Any], request_id: str | None) -> str:
        """Create an external reference or change the one that the subject has for the same service."""
        fields = body.get(kind.singular)
        if not isinstance(fields, dict):
            raise Refused(400, [{"type": "system", "message": f"an {kind.singular} is expected"}])
        self._check(kind.create, fields, kind, creating=True)
        with self._store.atomic():
            subject = str(fields["subject_id"])
            for found in self._store.find("external_references", "subject_id", subject):
                same = (found.record["subject_type"], found.record["service_name"])
                if same == (fields["subject_type"], fields["service_name"]):
                    self._put("external_references", found.id, {**found.record, **fields}, request_id)
                    return found.id
            return self._add_reference(str(fields["subject_type"]), subject, fields, request_id)

    # -- one record -------------------------------------------------------------------------------------------------

    def _create(self, name: str, kind: Object, fields: dict[str, Any], request_id: str | None) -> str:
        self._check(kind.create, fields, kind, creating=True)
        if name == "workspaces":
            return self._create_workspace(fields, request_id)
        if name == "custom_field_values":
            subject = str(fields["subject_id"])
            return self._set_value(
                str(fields["subject_type"]), subject, str(fields["custom_field_id"]), fields["value"], request_id
            )
        if name == "workspace_status_changes":
            return self._create_status_change(fields, request_id)
        id_ = self._new_id(name)
        record = {"id": id_, **self._defaults(name, fields), **_plain(fields), "created_at": told(self._clock.now())}
        self._put(name, id_, record, request_id)
        return id_

    def _defaults(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        if name == "workspace_groups":
            nothing = dict.fromkeys(("contact_name", "email", "phone_number", "address", "website", "notes"))
            return {**nothing, "company": False, "external_reference_ids": [], "custom_field_value_ids": []}
        workspace = self._store.get("workspaces", str(fields["workspace_id"]))
        assert workspace is not None
        return {
            "billable": True, "notes": None, "rate_in_cents": None, "cost_rate_in_cents": None,
            "currency": workspace.record["currency"], "currency_base_unit": 100, "approved": False, "taxable": False,
            "is_invoiced": False, "story_id": None, "user_id": None, "role_id": None, "active_submission_id": None,
            "recent_submission_id": None,
        }  # fmt: skip

    def _create_workspace(self, fields: dict[str, Any], request_id: str | None) -> str:
        """A project. It starts in set-up, where nobody books time, unless the body says another status."""
        now = told(self._clock.now())
        id_ = self._new_id("workspaces")
        status = STATUS_BY_KEY[int(fields["status_key"])] if fields.get("status_key") is not None else CREATED
        record = {
            "id": id_, "title": fields["title"], "account_id": ACCOUNT_ID, "archived": False, "description": None,
            "start_date": None, "due_date": None, "effective_due_date": None, "budgeted": True,
            "change_orders_enabled": False, "access_level": "invitation", "currency": "USD", "currency_base_unit": 100,
            "price_in_cents": 0, "price": "0.00", "status": status, "rate_card_id": None, "percentage_complete": 0,
            "primary_maven_id": None, "creator_id": None, "primary_workspace_group_id": None,
            "workspace_group_ids": [], "custom_field_value_ids": [], "external_reference_ids": [], "created_at": now,
        }  # fmt: skip
        self._put("workspaces", id_, self._with_fields(record, fields), request_id)
        self._status_changed(id_, None, status, request_id)
        for item in fields.get("custom_fields", []):
            self._set_value("Workspace", id_, str(item.get("custom_field_id")), item.get("value"), request_id)
        if fields.get("external_reference"):
            self._add_reference("Workspace", id_, fields["external_reference"], request_id)
        return id_

    def _update_workspace(
        self, id_: str, before: dict[str, Any], fields: dict[str, Any], request_id: str | None
    ) -> None:
        record = self._with_fields(dict(before), fields)
        key = fields.get("status_key")
        if key is not None and int(key) != before["status"]["key"]:
            record["status"] = STATUS_BY_KEY[int(key)]
            self._status_changed(id_, before["status"], record["status"], request_id)
        self._put("workspaces", id_, record, request_id)
        if fields.get("external_reference"):
            self._add_reference("Workspace", id_, fields["external_reference"], request_id)

    def _with_fields(self, record: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        plain = {k: v for k, v in fields.items() if k in record and k not in ("price", "workspace_group_ids")}
        record |= _plain(plain)
        if "price" in fields:
            cents = round(float(str(fields["price"]).replace(",", "")) * 100)
            record |= {"price_in_cents": cents, "price": f"{cents / 100:.2f}"}
        if "workspace_group_ids" in fields:
            groups = [str(g) for g in fields["workspace_group_ids"]]
            for group in groups:
                self._must_exist("workspace_group_ids", "workspace_groups", group)
            record["workspace_group_ids"] = groups
            if "primary_workspace_group_id" not in fields:
                record["primary_workspace_group_id"] = groups[0] if groups else None
        elif fields.get("primary_workspace_group_id") is not None:
            record["workspace_group_ids"] = [str(fields["primary_workspace_group_id"])]
        if fields.get("rate_card_id") is not None:
            card = self._store.get("rate_cards", str(fields["rate_card_id"]))
            assert card is not None
            record["currency"] = card.record["currency"]
        record["effective_due_date"] = record["due_date"]
        return record

    def _set_value(self, subject: str, subject_id: str, field_id: str, value: Any, request_id: str | None) -> str:
        """Set a custom field; an older value is replaced by a record with a new id."""
        known = self._store.get("custom_fields", field_id)
        if known is None:
            raise invalid("custom_field_id", f"There is no custom field {field_id}")
        self._must_exist("subject_id", _SUBJECTS.get(subject, ""), subject_id)
        if value is not None and not isinstance(value, str | int | float):
            raise invalid("value", f"{known.record['name']} takes one value")
        kept = []
        for old in self._store.find("custom_field_values", "subject_id", subject_id):
            if old.record["subject_type"] != subject:
                continue
            if old.record["custom_field_id"] == field_id:
                self._store.delete("custom_field_values", old.id, self._clock.now(), request_id=request_id)
            else:
                kept.append(old.id)
        id_ = self._new_id("custom_field_values")
        record = {
            "id": id_, "subject_type": subject, "subject_id": int(subject_id), "value": value,
            "display_value": "" if value is None else str(value), "type": known.record["value_type"], "can_edit": True,
            "account_id": ACCOUNT_ID, "custom_field_name": known.record["name"], "custom_field_id": field_id,
            "setter_id": None, "created_at": told(self._clock.now()),
        }  # fmt: skip
        self._put("custom_field_values", id_, record, request_id)
        self._link(subject, subject_id, "custom_field_value_ids", [*kept, id_])
        return id_

    def _add_reference(self, subject: str, subject_id: str, fields: Mapping[str, Any], request_id: str | None) -> str:
        for name in ("service_name", "service_model", "service_model_ref"):
            if not fields.get(name):
                raise invalid(name, f"{name} can't be blank")
        self._must_exist("subject_id", _SUBJECTS.get(subject, ""), subject_id)
        id_ = self._new_id("external_references")
        now = told(self._clock.now())
        record = {
            "id": id_, "status": "successful", "external_link": None, "external_message": None,
            "external_status": None, "locked": False, **fields, "subject_type": subject, "subject_id": int(subject_id),
            "last_synced_at": now, "created_at": now,
        }  # fmt: skip
        self._put("external_references", id_, record, request_id)
        mine = self._store.find("external_references", "subject_id", subject_id)
        ids = [r.id for r in mine if r.record["subject_type"] == subject]
        self._link(subject, subject_id, "external_reference_ids", ids)
        return id_

    def _create_status_change(self, fields: Mapping[str, Any], request_id: str | None) -> str:
        id_ = str(fields["workspace_id"])
        stored = self._store.get("workspaces", id_)
        assert stored is not None
        after = STATUS_BY_KEY.get(int(fields["to_status_key"]))
        if after is None or after["key"] == stored.record["status"]["key"]:
            raise invalid("to_status_key", "The status must be another one")
        self._put("workspaces", id_, {**stored.record, "status": after}, request_id)
        return self._status_changed(id_, stored.record["status"], after, request_id)

    def _status_changed(
        self, workspace_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any], request_id: str | None
    ) -> str:
        id_ = self._new_id("workspace_status_changes")
        record = {
            "id": id_, "from_status_key": before["key"] if before else None,
            "from_status_message": before["message"] if before else None, "to_status_key": after["key"],
            "to_status_message": after["message"], "to_color": after["color"], "workspace_id": workspace_id,
            "user_id": None, "created_at": told(self._clock.now()),
        }  # fmt: skip
        self._put("workspace_status_changes", id_, record, request_id)
        return id_

    # -- helpers ----------------------------------------------------------------------------------------------------

    def _check(
        self, writable: Mapping[str, Any], fields: Mapping[str, Any], kind: Object, *, creating: bool = False
    ) -> None:
        errors = []
        for name in kind.required if creating else ():
            if fields.get(name) in (None, ""):
                errors.append({"type": "validation", "message": f"{name} can't be blank", "field": name})
        for name, value in fields.items():
            if name not in writable:
                errors.append({"type": "validation", "message": f"{name} can't be written", "field": name})
            elif not writable[name](value):
                errors.append({"type": "validation", "message": f"{name} is not valid", "field": name})
        role = fields.get("creator_role", "maven")
        if role not in ("maven", "buyer"):
            errors.append({"type": "validation", "message": "creator_role is maven or buyer", "field": "creator_role"})
        if kind is OBJECTS["workspaces"]:
            errors += _workspace_errors(fields)
        if errors:
            raise Refused(422, errors)
        for name, collection in _REFERS.items():
            if fields.get(name) is not None and name in writable:
                self._must_exist(name, collection, str(fields[name]))

    def _must_exist(self, field: str, collection: str, id_: str) -> None:
        found = self._store.get(collection, id_) if collection else None
        if found is None or found.deleted:
            raise invalid(field, f"{field} {id_} does not exist")

    def _link(self, subject: str, subject_id: str, field: str, ids: list[str]) -> None:
        """Keep the subject's list of associated ids. Its own change time stays."""
        collection = _SUBJECTS[subject]
        stored = self._store.get(collection, subject_id)
        assert stored is not None
        at = datetime.fromisoformat(stored.modified + "+00:00")
        self._store.put(collection, subject_id, {**stored.record, field: ids}, at, origin="both")

    def _new_id(self, name: str) -> str:
        return str(self._store.next_id(name, _NEXT[name]))

    def _put(self, name: str, id_: str, record: dict[str, Any], request_id: str | None) -> None:
        now = self._clock.now()
        self._store.put(name, id_, {**record, "updated_at": told(now)}, now, origin="api", request_id=request_id)


def _workspace_errors(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    title, currency, status = fields.get("title"), fields.get("currency"), fields.get("status_key")
    if isinstance(title, str) and len(title) > MAX_TITLE:
        found.append(("title", f"title is too long (maximum is {MAX_TITLE} characters)"))
    if "title" in fields and not title:
        found.append(("title", "Please give your project a title"))
    if isinstance(currency, str) and not (len(currency) == 3 and currency.isupper()):
        found.append(("currency", f"{currency} is not a currency"))
    if status is not None and (not str(status).isdigit() or int(status) not in STATUS_BY_KEY):
        found.append(("status_key", f"{status} is not a status of this account"))
    start, due = fields.get("start_date"), fields.get("due_date")
    if isinstance(start, str) and isinstance(due, str) and due < start:
        found.append(("due_date", "due_date is before start_date"))
    return [{"type": "validation", "message": message, "field": field} for field, message in found]


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The given values as OX stores them: ids as text."""
    return {k: str(v) if k in _REFERS and v is not None else v for k, v in fields.items() if k != "external_reference"}
