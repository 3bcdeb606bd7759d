"""The firm's people go on working in Kantata: what changes in the fake while virtual time moves.

A project that our push has created starts in set-up, as the create body names no status. The firm's manager activates
it four hours later, sets rate card and project number, and from then on people book on it as the truth says. So the
quote-to-project clock of such a deal stops at the first `Active` status change that a tick records.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.fakes.store import Store
from sandbox.project.kantata import STATUSES, View, custom_value, rows, status_change
from sandbox.project.kantata_ids import native_id, told
from sandbox.project.row import Row
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.truth import Project, Truth

ACTIVATION_DELAY = timedelta(hours=4)
_ACTIVE = STATUSES["active"]


def tick(store: Store, truth: Truth, since: datetime, until: datetime) -> int:
    """What people entered in (since, until]. Returns records changed.

    Fields that an API client wrote keep its values unless the firm's people changed the same field in that time. On
    projects that our push creates, people work only where the workspace exists; what they could not book is booked
    when it changes next (submitted, approved).
    """
    pushed = _pushed(store, truth)
    changed = sum(_activate(store, project, pushed[project.id], since, until) for project in _waiting(truth, pushed))
    view = View(truth, until, pushed)
    fresh = [row for row in rows(view) if since < row.modified <= until]
    before: dict[tuple[str, str], dict[str, Any]] | None = None
    plain: list[Row] = []
    for row in fresh:
        stored = store.get(row.object, row.id)
        if stored is None or stored.origin == "firm":
            plain.append(row)
            continue
        if stored.deleted:
            # A client deleted it for good; nobody works on it any more.
            continue
        if before is None:
            before = {(r.object, r.id): r.record for r in rows(View(truth, since, pushed))}
        was = before.get((row.object, row.id), {})
        theirs = {k: v for k, v in row.record.items() if k not in was or was[k] != v}
        store.put(row.object, row.id, {**stored.record, **theirs}, row.modified, origin="both")
        changed += 1
    return changed + store.put_many((row.object, row.id, row.record, row.modified) for row in plain)


def _waiting(truth: Truth, pushed: dict[str, str]) -> list[Project]:
    return [project for project in truth.projects if project.id in pushed]


def _pushed(store: Store, truth: Truth) -> dict[str, str]:
    """Truth's project -> workspace that our push made for it, by the key 'opp:<opportunity>:<generation>'."""
    by_opportunity: dict[str, str] = {}
    for value in store.select("custom_field_values", where="body ->> '$.custom_field_name' = 'throughline_key'"):
        workspace = store.get("workspaces", str(value.record["subject_id"]))
        parts = str(value.record["value"]).split(":")
        if workspace is not None and not workspace.deleted and len(parts) == 3 and parts[0] == "opp":
            by_opportunity.setdefault(parts[1], workspace.id)
    return {
        project.id: by_opportunity[key]
        for project in truth.projects
        if project.created_at is None
        and project.opportunity_id is not None
        and (key := salesforce_id("opportunity", project.opportunity_id)) in by_opportunity
    }


def _activate(store: Store, project: Project, workspace_id: str, since: datetime, until: datetime) -> int:
    """The manager opens the project for work, once. Returns records changed."""
    stored = store.get("workspaces", workspace_id)
    assert stored is not None
    changes = store.find("workspace_status_changes", "workspace_id", workspace_id)
    if any(change.record["to_status_key"] == _ACTIVE["key"] for change in changes):
        return 0
    created = datetime.fromisoformat(stored.record["created_at"]).astimezone(UTC)
    at = max(created + ACTIVATION_DELAY, since + timedelta(seconds=1))
    if at > until:
        return 0
    manager = native_id("resource", project.manager_id)
    values = [
        custom_value("Workspace", workspace_id, name, value, at, at)
        for name, value in (("project_number", project.id), ("planned_hours", str(project.planned_hours)))
    ]
    before = next(name for name, status in STATUSES.items() if status["key"] == stored.record["status"]["key"])
    change = status_change(native_id("project_status", f"{project.id}:1"), workspace_id, before, "active", at, manager)
    record = {
        **stored.record,
        "status": _ACTIVE,
        "rate_card_id": native_id("rate_card", project.rate_card_id),
        "primary_maven_id": manager,
        "custom_field_value_ids": [*stored.record["custom_field_value_ids"], *(value.id for value in values)],
        "updated_at": told(at),
    }
    store.put("workspaces", workspace_id, record, at, origin="both")
    return 1 + store.put_many((row.object, row.id, row.record, row.modified) for row in (change, *values))
