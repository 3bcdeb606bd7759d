"""The firm's truth as Kantata OX (formerly Mavenlink) holds it, all but the hours (those: `kantata_timesheets.py`).

Field names are OX's own. Ids of associations (`workspace_id`, `custom_field_value_ids`) are in the records; whether an
answer shows them is the fake's business. OX has `workspace_status_changes` by that name; a rate card's date is on its
rate card set version, the hourly rate of a role on its rate card role. What OX has no field for is in custom fields
that the firm has set up (`CUSTOM_FIELDS`), a client's CRM id in an external reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sandbox.project.kantata_ids import native_id, told
from sandbox.project.kantata_timesheets import timesheets
from sandbox.project.kantata_view import View
from sandbox.project.row import Row
from sandbox.project.salesforce import native_id as salesforce_id
from sandbox.truth import Customer, Milestone, Project, RateCardLine, Resource, Truth

__all__ = ["CUSTOM_FIELDS", "STATUSES", "View", "native_id", "project", "rows", "told"]

ACCOUNT_ID = 4_100_123
# Subject type -> custom field -> value type. The firm has set these up once.
CUSTOM_FIELDS: dict[str, dict[str, str]] = {
    "Workspace": {
        "throughline_key": "string",
        "opportunity_ref": "string",
        "contract_ref": "string",
        "legal_entity": "string",
        "billing_method": "string",
        "service_line": "string",
        "project_number": "string",
        "planned_hours": "number",
    },
    "Story": {"contract_line_ref": "string", "achieved_at": "string", "accepted_at": "string"},
    "User": {"employee_number": "string", "practice": "string", "legal_entity": "string"},
}
# Truth's status -> what this account shows for it. The list of statuses is each account's own configuration.
STATUSES: dict[str, dict[str, Any]] = {
    "created": {"color": "light-green", "key": 205, "message": "In Setup"},
    "active": {"color": "green", "key": 310, "message": "Active"},
    "on_hold": {"color": "yellow", "key": 410, "message": "On Hold"},
    "closed": {"color": "blue", "key": 610, "message": "Closed"},
    "cancelled": {"color": "grey", "key": 110, "message": "Cancelled"},
}
ROLES = ("partner", "manager", "senior", "consultant")
# Nobody's currency: what the known defect `project_currency_known` shows where the truth has a good one.
NO_CURRENCY = "XXX"


def project(truth: Truth, at: datetime) -> Iterator[Row]:
    """Every record that Kantata holds at `at`. Projects that our push creates, and what is on them, are left out."""
    return rows(View(truth, at))


def rows(view: View) -> Iterator[Row]:
    """Every record at the view's instant. For pushed projects: what is on them, not the workspace itself."""
    yield from _configuration(view)
    yield from _rate_cards(view)
    for customer in view.truth.customers:
        yield from _workspace_group(view, customer)
    for resource in view.truth.resources:
        yield from _user(view, resource)
    for entry in view.truth.projects:
        yield from _workspace(view, entry)
    for milestone in view.truth.milestones:
        yield from _story(view, milestone)
    yield from timesheets(view)


def _row(object_: str, id_: str, record: dict[str, Any], created: datetime, updated: datetime) -> Row:
    return Row(object_, id_, {"id": id_, **record, "created_at": told(created), "updated_at": told(updated)}, updated)


def _configuration(view: View) -> Iterator[Row]:
    start = view.truth.start
    for subject, fields in CUSTOM_FIELDS.items():
        set_id = native_id("custom_field_set", subject)
        yield _row(
            "custom_field_sets", set_id, {"name": f"Default {subject} Set", "subject_type": subject}, start, start
        )
        for name, value_type in fields.items():
            record = {
                "name": name,
                "value_type": value_type,
                "unique_constraint": False,
                "default_text": None,
                "hidden_in_user_interface": False,
                "custom_field_set_id": set_id,
            }
            yield _row("custom_fields", custom_field_id(subject, name), record, start, start)
    for role in ROLES:
        yield _row("roles", native_id("role", role), {"name": role.capitalize(), "deleted_at": None}, start, start)


def custom_field_id(subject: str, name: str) -> str:
    """Id of the custom field of that name on that type of object."""
    return native_id("custom_field", f"{subject}/{name}")


def custom_value(subject: str, subject_id: str, name: str, value: str, created: datetime, updated: datetime) -> Row:
    """A custom field value of an object of the firm's own."""
    record = {
        "subject_type": subject,
        "subject_id": int(subject_id),
        "value": value,
        "display_value": value,
        "type": CUSTOM_FIELDS[subject][name],
        "can_edit": True,
        "account_id": ACCOUNT_ID,
        "custom_field_name": name,
        "custom_field_id": custom_field_id(subject, name),
        "setter_id": None,
    }
    return _row(
        "custom_field_values",
        native_id("custom_field_value", f"{subject}/{subject_id}/{name}"),
        record,
        created,
        updated,
    )


def _custom_values(
    subject: str, subject_id: str, values: dict[str, str | None], created: datetime, updated: datetime
) -> list[Row]:
    return [
        custom_value(subject, subject_id, name, value, created, updated)
        for name, value in values.items()
        if value is not None
    ]


def _rate_cards(view: View) -> Iterator[Row]:
    """A card is a set of its own; each (effective date, time of recording) is a version of both."""
    start = view.truth.start
    by_card: dict[str, dict[tuple[date, datetime], list[RateCardLine]]] = {}
    for line in view.truth.rate_card_lines:
        if line.recorded_at <= view.at:
            versions = by_card.setdefault(line.rate_card_id, {})
            versions.setdefault((line.effective_from, line.recorded_at), []).append(line)
    for card, versions in by_card.items():
        currency = next(iter(versions.values()))[0].currency
        set_id, card_id = native_id("rate_card_set", card), native_id("rate_card", card)
        opened = min(start, *(recorded for _, recorded in versions))
        version_ids = {key: f"{card}/{key[0]}/{key[1].isoformat()}" for key in versions}
        yield _row("rate_card_sets", set_id, {"title": card, "account_default": False}, opened, opened)
        record = {
            "currency": currency,
            "uses": 0,
            "removable": False,
            "rate_card_set_title": f"{card} ({currency})",
            "rate_card_set_id": set_id,
            "rate_card_version_ids": [native_id("rate_card_version", v) for v in version_ids.values()],
        }
        yield _row("rate_cards", card_id, record, opened, max(recorded for _, recorded in versions))
        for (effective, recorded), lines in versions.items():
            truth_id = version_ids[effective, recorded]
            yield from _rate_card_version(truth_id, set_id, card_id, effective, recorded, lines)


def _rate_card_version(
    truth_id: str, set_id: str, card_id: str, effective: date, recorded: datetime, lines: list[RateCardLine]
) -> Iterator[Row]:
    set_version, version = native_id("rate_card_set_version", truth_id), native_id("rate_card_version", truth_id)
    record: dict[str, Any] = {"active": True, "effective_date": effective.isoformat(), "rate_card_set_id": set_id}
    yield _row("rate_card_set_versions", set_version, record, recorded, recorded)
    role_ids = {line.role: native_id("rate_card_role", f"{truth_id}/{line.role}") for line in lines}
    record = {
        "default_rate": 0,
        "rate_card_id": card_id,
        "rate_card_set_version_id": set_version,
        "rate_card_role_ids": list(role_ids.values()),
    }
    yield _row("rate_card_versions", version, record, recorded, recorded)
    for line in lines:
        record = {
            "rate": int(line.bill_rate * 100),
            "role_id": native_id("role", line.role),
            "rate_card_version_id": version,
        }
        yield _row("rate_card_roles", role_ids[line.role], record, recorded, recorded)


def _workspace_group(view: View, customer: Customer) -> Iterator[Row]:
    """A client. Kantata keeps the name that the client had when it was entered here; renames happen in the CRM."""
    known = customer.known_to_psa_at
    if known is None or known > view.at:
        return
    name = customer.name
    for renamed_at, new_name in sorted(customer.renamed):
        if renamed_at <= known:
            name = new_name
    id_ = native_id("customer", customer.id)
    reference = native_id("external_reference", f"WorkspaceGroup/{id_}")
    record = {
        "name": name,
        "company": True,
        "contact_name": None,
        "email": None,
        "phone_number": None,
        "address": customer.country,
        "website": f"https://{customer.domain}",
        "notes": None,
        "external_reference_ids": [reference],
        "custom_field_value_ids": [],
    }
    yield _row("workspace_groups", id_, record, known, known)
    account = salesforce_id("account", customer.id)
    record = {
        "service_name": "salesforce",
        "service_model": "Account",
        "service_model_ref": account,
        "subject_type": "WorkspaceGroup",
        "subject_id": int(id_),
        "status": "successful",
        "external_link": None,
        "external_message": None,
        "external_status": None,
        "locked": False,
        "last_synced_at": told(known),
    }
    yield _row("external_references", reference, record, known, known)


def _user(view: View, resource: Resource) -> Iterator[Row]:
    """A person. Who has left is disabled from the morning after the last day."""
    if resource.created_at > view.at:
        return
    left = None
    if resource.termination_date is not None:
        left = datetime.combine(resource.termination_date, time(23, 59, 59), UTC)
    disabled = left is not None and left <= view.at
    updated = view.latest(resource.created_at, left)
    id_ = native_id("resource", resource.id)
    values = _custom_values(
        "User",
        id_,
        {
            "employee_number": resource.id,
            "practice": resource.practice,
            "legal_entity": resource.legal_entity_id,
        },
        resource.created_at,
        resource.created_at,
    )
    record = {
        "id": id_,
        "full_name": f"{resource.first_name} {resource.last_name}",
        "photo_path": None,
        "email_address": resource.email,
        "headline": f"{resource.role.capitalize()}, {resource.practice}",
        "disabled": disabled,
        "account_id": ACCOUNT_ID,
        "account_permission": "punch_clock",
        "role_id": native_id("role", resource.role),
        "manager_id": native_id("resource", resource.manager_id) if resource.manager_id else None,
        "custom_field_value_ids": [row.id for row in values],
        "external_reference_ids": [],
    }
    # OX tells neither creation nor change time of a user.
    yield Row("users", id_, record, updated)
    yield from values


def price_in_cents(view: View, entry: Project) -> int:
    """The project's budget: the contract's amount and what was signed since."""
    contract = next((c for c in view.truth.contracts if c.id == entry.contract_id), None)
    if contract is None:
        return 0
    amended = sum(
        (a.amount_delta for a in view.truth.amendments if a.contract_id == contract.id and a.signed_at <= view.at),
        Decimal(0),
    )
    return int((contract.amount + amended) * 100)


def _workspace(view: View, entry: Project) -> Iterator[Row]:
    created = entry.created_at
    if created is None or created > view.at:
        return
    id_ = native_id("project", entry.id)
    known = [event for event in entry.statuses if event.at <= view.at]
    signed = [a.signed_at for a in view.truth.amendments if entry.contract_id and a.contract_id == entry.contract_id]
    updated = view.latest(created, *(event.at for event in known), *signed)
    values = _custom_values("Workspace", id_, workspace_custom_fields(entry), created, created)
    currency = entry.currency
    if entry.id in view.defects.get("project_currency_known", ()) and currency in view.currencies:
        currency = NO_CURRENCY
    price = price_in_cents(view, entry)
    group = native_id("customer", entry.customer_id)
    record = {
        "title": entry.name,
        "account_id": ACCOUNT_ID,
        "archived": False,
        "description": None,
        "start_date": entry.start_date.isoformat(),
        "due_date": entry.end_date.isoformat(),
        "effective_due_date": entry.end_date.isoformat(),
        "budgeted": True,
        "change_orders_enabled": False,
        "access_level": "invitation",
        "currency": currency,
        "currency_base_unit": 100,
        "price_in_cents": price,
        "price": f"{Decimal(price) / 100:.2f}",
        "status": STATUSES[known[-1].status if known else "created"],
        "rate_card_id": native_id("rate_card", entry.rate_card_id),
        "percentage_complete": 0,
        "primary_maven_id": native_id("resource", entry.manager_id),
        "creator_id": native_id("resource", entry.manager_id),
        "primary_workspace_group_id": group,
        "workspace_group_ids": [group],
        "custom_field_value_ids": [row.id for row in values],
        "external_reference_ids": [],
    }
    yield _row("workspaces", id_, record, created, updated)
    yield from values
    previous = None
    for number, event in enumerate(known, 1):
        yield status_change(
            native_id("project_status", f"{entry.id}:{number}"), id_, previous, event.status, event.at,
            view.user_of.get(event.actor),
        )  # fmt: skip
        previous = event.status


def workspace_custom_fields(entry: Project) -> dict[str, str | None]:
    """What the firm writes into the custom fields of a project that it creates by hand."""
    opportunity = salesforce_id("opportunity", entry.opportunity_id) if entry.opportunity_id else None
    contract = salesforce_id("contract", entry.contract_id) if entry.contract_id else None
    return {
        "opportunity_ref": f"salesforce:{opportunity}" if opportunity else None,
        "contract_ref": f"salesforce:{contract}" if contract else None,
        "legal_entity": entry.legal_entity_id,
        "billing_method": entry.billing_method,
        "service_line": entry.service_line,
        "project_number": entry.id,
        "planned_hours": str(entry.planned_hours),
    }


def status_change(
    id_: str, workspace_id: str, before: str | None, after: str, at: datetime, user_id: str | None
) -> Row:
    """One change of a workspace's status; before is None for the status that it was created with."""
    old, new = STATUSES.get(before or ""), STATUSES[after]
    record = {
        "from_status_key": old["key"] if old else None,
        "from_status_message": old["message"] if old else None,
        "to_status_key": new["key"],
        "to_status_message": new["message"],
        "to_color": new["color"],
        "workspace_id": workspace_id,
        "user_id": user_id,
    }
    return _row("workspace_status_changes", id_, record, at, at)


def _story(view: View, milestone: Milestone) -> Iterator[Row]:
    workspace = view.workspace_id(milestone.project_id)
    if milestone.created_at > view.at or workspace is None:
        return
    achieved = milestone.achieved_at if milestone.achieved_at and milestone.achieved_at <= view.at else None
    accepted = milestone.accepted_at if milestone.accepted_at and milestone.accepted_at <= view.at else None
    updated = view.latest(milestone.created_at, achieved, accepted)
    id_ = native_id("milestone", milestone.id)
    values = _custom_values(
        "Story",
        id_,
        {
            "contract_line_ref": f"salesforce:{salesforce_id('contract_line', milestone.contract_line_id)}",
            "achieved_at": achieved.astimezone(UTC).isoformat() if achieved else None,
            "accepted_at": accepted.astimezone(UTC).isoformat() if accepted else None,
        },
        milestone.created_at,
        updated,
    )
    record = {
        "title": milestone.name,
        "description": None,
        "story_type": "milestone",
        "state": "completed" if achieved else "not started",
        "position": 1,
        "archived": False,
        "deleted_at": None,
        "due_date": milestone.planned_date.isoformat(),
        "start_date": None,
        "budget_estimate_in_cents": int(milestone.amount * 100),
        "fixed_fee": True,
        "billable": True,
        "percentage_complete": 100 if achieved else 0,
        "workspace_id": workspace,
        "parent_id": None,
        "custom_field_value_ids": [row.id for row in values],
        "external_reference_ids": [],
    }
    yield _row("stories", id_, record, milestone.created_at, updated)
    yield from values
