"""How each object of Kantata OX is listed: what to include, which default filters to switch off, in which order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listing:
    """How one object is read.

    Args:
        include: associations whose ids and records we want.
        params: filters that every listing needs (default filters switched off).
        order: by a field that never changes, so that numbered pages don't shift.
        flat: records hold plain values only and pass through as bytes.
        since: the filter for what changed; None: OX has none, everything is read.
    """

    include: tuple[str, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    order: str | None = "created_at:asc"
    flat: bool = True
    since: str | None = "updated_after"


LISTINGS: dict[str, Listing] = {
    "workspaces": Listing(
        include=("primary_workspace_group", "primary_maven", "custom_field_values", "external_references"),
        params=(("include_archived", "true"),),
        flat=False,
    ),
    "workspace_groups": Listing(include=("external_references",), flat=False),
    "workspace_status_changes": Listing(include=("workspace", "user"), since="created_after"),
    "stories": Listing(
        include=("workspace", "custom_field_values"),
        params=(("all_on_account", "true"), ("archived", "include")),
        flat=False,
    ),
    "users": Listing(
        include=("role", "manager", "custom_field_values", "external_references"), order=None, flat=False, since=None
    ),
    "roles": Listing(),
    "rate_cards": Listing(include=("rate_card_set",)),
    "rate_card_set_versions": Listing(include=("rate_card_set",)),
    "rate_card_versions": Listing(include=("rate_card", "rate_card_set_version")),
    "rate_card_roles": Listing(include=("role", "rate_card_version")),
    "time_entries": Listing(
        include=("workspace", "user", "story", "role", "active_submission", "recent_submission"),
        params=(("from_archived_workspaces", "true"),),
    ),
    "timesheet_submissions": Listing(include=("user", "workspace"), order="start_date:asc"),
    "resolutions": Listing(),
}
