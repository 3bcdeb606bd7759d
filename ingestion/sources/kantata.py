"""Kantata OX to raw: clients, projects with their status history, milestones, people, rates, hours and their approval.

Data flow (`/api/v1/<object>`, pages of 200):

    workspace_groups          -> raw_kantata.workspace_groups           clients; `ref_salesforce` is the Account Id
    workspaces                -> raw_kantata.workspaces                 projects; custom fields as `cf_<name>`
    workspace_status_changes  -> raw_kantata.workspace_status_changes   asked for one changed workspace at a time
    stories                   -> raw_kantata.stories                    all types; milestones matter
    users, roles              -> raw_kantata.users, roles               people (personal data) and what they are billed as
    rate_cards, rate_card_set_versions, rate_card_versions, rate_card_roles -> raw_kantata.<same>
    time_entries              -> raw_kantata.time_entries               first load by ranges of work dates, side by side
    timesheet_submissions     -> raw_kantata.timesheet_submissions      handing-in; its status holds for its entries
    resolutions               -> raw_kantata.resolutions                every approval and rejection of a submission

Key: `id`. Cursor: `updated_at` (`created_at` where rows never change), with the pipeline's overlap. What is small or
has no change time is a snapshot. Deletes in OX are hard and its change feed keeps nine days, so they are seen by a
sweep of ids or by absence from a snapshot; submissions are cancelled, never deleted. Instants stay the vendor's text
with the account's own offset; staging turns them into UTC. Money is in cents.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from ingestion.resource import Reader, Resource, Source

_TEXT, _WHOLE, _FLAG = pa.string(), pa.int64(), pa.bool_()
_Deletes = Literal["sweep", "absence", "never"]


def _schema(*columns: tuple[str, pa.DataType], times: bool = True) -> pa.Schema:
    stamps = (("created_at", _TEXT), ("updated_at", _TEXT)) if times else ()
    return pa.schema([("id", _TEXT), *columns, *stamps])


def _snapshot(name: str, *columns: tuple[str, pa.DataType], times: bool = True) -> Resource:
    changed_at = "updated_at" if times else None
    schema = _schema(*columns, times=times)
    return Resource(name, name, ("id",), schema, mode="snapshot", changed_at=changed_at, deletes="absence")


def _cursor(name: str, changed_at: str, deletes: _Deletes, *columns: tuple[str, pa.DataType]) -> Resource:
    return Resource(name, name, ("id",), _schema(*columns), changed_at=changed_at, deletes=deletes)


RESOURCES = (
    _snapshot(
        "workspace_groups",
        ("name", _TEXT),
        ("company", _FLAG),
        ("contact_name", _TEXT),
        ("email", _TEXT),
        ("phone_number", _TEXT),
        ("address", _TEXT),
        ("notes", _TEXT),
        ("website", _TEXT),
        ("ref_salesforce", _TEXT),
    ),
    _snapshot(
        "workspaces",
        ("title", _TEXT),
        ("account_id", _WHOLE),
        ("description", _TEXT),
        ("access_level", _TEXT),
        ("archived", _FLAG),
        ("budgeted", _FLAG),
        ("change_orders_enabled", _FLAG),
        ("start_date", _TEXT),
        ("due_date", _TEXT),
        ("effective_due_date", _TEXT),
        ("currency", _TEXT),
        ("currency_base_unit", _WHOLE),
        ("price", _TEXT),
        ("price_in_cents", _WHOLE),
        ("percentage_complete", _WHOLE),
        ("status_key", _WHOLE),
        ("status_message", _TEXT),
        ("status_color", _TEXT),
        ("rate_card_id", _TEXT),
        ("primary_workspace_group_id", _TEXT),
        ("primary_maven_id", _TEXT),
        ("cf_throughline_key", _TEXT),
        ("cf_opportunity_ref", _TEXT),
        ("cf_contract_ref", _TEXT),
        ("cf_legal_entity", _TEXT),
        ("cf_billing_method", _TEXT),
        ("cf_service_line", _TEXT),
        ("cf_project_number", _TEXT),
        ("cf_planned_hours", _TEXT),
    ),
    _cursor(
        "workspace_status_changes",
        "created_at",
        "never",
        ("from_status_key", _WHOLE),
        ("from_status_message", _TEXT),
        ("to_status_key", _WHOLE),
        ("to_status_message", _TEXT),
        ("to_color", _TEXT),
        ("workspace_id", _TEXT),
        ("user_id", _TEXT),
    ),
    _cursor(
        "stories",
        "updated_at",
        "sweep",
        ("title", _TEXT),
        ("story_type", _TEXT),
        ("description", _TEXT),
        ("state", _TEXT),
        ("position", _WHOLE),
        ("start_date", _TEXT),
        ("fixed_fee", _FLAG),
        ("billable", _FLAG),
        ("percentage_complete", _WHOLE),
        ("archived", _FLAG),
        ("deleted_at", _TEXT),
        ("due_date", _TEXT),
        ("budget_estimate_in_cents", _WHOLE),
        ("workspace_id", _TEXT),
        ("cf_contract_line_ref", _TEXT),
        ("cf_achieved_at", _TEXT),
        ("cf_accepted_at", _TEXT),
    ),
    _snapshot(
        "users",
        ("full_name", _TEXT),
        ("email_address", _TEXT),
        ("headline", _TEXT),
        ("photo_path", _TEXT),
        ("account_id", _WHOLE),
        ("account_permission", _TEXT),
        ("disabled", _FLAG),
        ("role_id", _TEXT),
        ("manager_id", _TEXT),
        ("cf_employee_number", _TEXT),
        ("cf_practice", _TEXT),
        ("cf_legal_entity", _TEXT),
        times=False,
    ),
    _snapshot("roles", ("name", _TEXT), ("deleted_at", _TEXT)),
    _snapshot(
        "rate_cards",
        ("currency", _TEXT),
        ("uses", _WHOLE),
        ("removable", _FLAG),
        ("rate_card_set_title", _TEXT),
        ("rate_card_set_id", _TEXT),
    ),
    _snapshot(
        "rate_card_set_versions",
        ("active", _FLAG),
        ("effective_date", _TEXT),
        ("rate_card_set_id", _TEXT),
    ),
    _snapshot(
        "rate_card_versions",
        ("default_rate", _WHOLE),
        ("rate_card_id", _TEXT),
        ("rate_card_set_version_id", _TEXT),
    ),
    _snapshot("rate_card_roles", ("rate", _WHOLE), ("role_id", _TEXT), ("rate_card_version_id", _TEXT)),
    _cursor(
        "time_entries",
        "updated_at",
        "sweep",
        ("date_performed", _TEXT),
        ("time_in_minutes", _WHOLE),
        ("billable", _FLAG),
        ("notes", _TEXT),
        ("rate_in_cents", _WHOLE),
        ("cost_rate_in_cents", _WHOLE),
        ("currency", _TEXT),
        ("currency_base_unit", _WHOLE),
        ("approved", _FLAG),
        ("taxable", _FLAG),
        ("is_invoiced", _FLAG),
        ("story_id", _TEXT),
        ("workspace_id", _TEXT),
        ("user_id", _TEXT),
        ("role_id", _TEXT),
        ("active_submission_id", _TEXT),
        ("recent_submission_id", _TEXT),
    ),
    _cursor(
        "timesheet_submissions",
        "updated_at",
        "never",
        ("title", _TEXT),
        ("comment", _TEXT),
        ("type", _TEXT),
        ("status", _TEXT),
        ("start_date", _TEXT),
        ("end_date", _TEXT),
        ("current_resolution_created_at_date", _TEXT),
        ("current_resolution_creator_id", _WHOLE),
        ("current_resolution_description", _TEXT),
        ("line_item_total_in_cents", _WHOLE),
        ("currency", _TEXT),
        ("currency_base_unit", _WHOLE),
        ("user_id", _TEXT),
        ("workspace_id", _TEXT),
    ),
    _cursor(
        "resolutions",
        "created_at",
        "never",
        ("type", _TEXT),
        ("description", _TEXT),
        ("target_type", _TEXT),
        ("target_id", _WHOLE),
        ("user_id", _TEXT),
    ),
)


def connect() -> Reader:
    """The account that the environment names."""
    from systems.kantata.client import connect as connect_client

    return connect_client()


SOURCE = Source("kantata", RESOURCES, connect)
