"""What the Kantata OX fake knows of each object: associations, filters, orders, writable and required fields, types.

Names follow the vendor's published client library and API reference; `tests/sandbox/test_fake_kantata.py` compares
them with the library's own specification where that is at hand. No serving here (that is `kantata.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sandbox.fakes.store import iso

Sql = tuple[str, tuple[Any, ...]]
Filter = Callable[[str], Sql]
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Object:
    """One endpoint of OX.

    Args:
        associations: name for `include` -> (field with the ids, collection they point to). OX shows the field only
            where the association is included.
        filters: query parameter -> SQL over the stored record.
        needs: query parameters without which OX refuses to list.
        orders: fields that `order` takes; `default_order` as OX documents it.
        create, update: writable fields with the check of their type; empty: not writable.
        required: fields that a create must have.
    """

    singular: str
    associations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    orders: tuple[str, ...] = ("created_at", "updated_at")
    default_order: str = "created_at:desc"
    create: Mapping[str, Check] = field(default_factory=dict)
    update: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()


# -- types ---------------------------------------------------------------------------------------------------------


def text(value: Any) -> bool:
    """A string, or nothing."""
    return value is None or isinstance(value, str)


def number(value: Any) -> bool:
    """A whole number, also as text: OX takes form data too."""
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, int) or (isinstance(value, str) and value.lstrip("-").isdigit())


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def day(value: Any) -> bool:
    """An ISO date, or nothing."""
    if value is None:
        return True
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return len(value) == 10


def numbers(value: Any) -> bool:
    """A list of ids."""
    return isinstance(value, list) and all(number(v) and v is not None for v in value)


def thing(value: Any) -> bool:
    """A JSON object, or nothing."""
    return value is None or isinstance(value, dict)


def things(value: Any) -> bool:
    """A list of JSON objects."""
    return isinstance(value, list) and all(isinstance(v, dict) for v in value)


def money(value: Any) -> bool:
    """An amount as OX takes it: a number or its text."""
    try:
        float(str(value).replace(",", ""))
    except ValueError:
        return False
    return not isinstance(value, bool)


# -- filters -------------------------------------------------------------------------------------------------------


def _moment(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(f"no time zone in {value!r}")
    return at


def _created(sign: str) -> Filter:
    return lambda v: (f"unixepoch(body ->> '$.created_at') {sign} unixepoch(?)", (_moment(v).isoformat(),))


def _updated(sign: str) -> Filter:
    # The store keeps the change time beside the record, in UTC and indexed.
    return lambda v: (f"modified {sign} ?", (iso(_moment(v).astimezone(_UTC)),))


_UTC = datetime.fromisoformat("2000-01-01T00:00:00+00:00").tzinfo


def _ids(value: str) -> list[str]:
    ids = [v.strip() for v in value.split(",") if v.strip()]
    if not all(v.isdigit() for v in ids):
        raise ValueError(f"not a list of ids: {value!r}")
    return ids


def only(value: str) -> Sql:
    """Rows by id; a row that isn't there is silently absent."""
    ids = _ids(value)
    return f"id in ({','.join('?' * len(ids))})", tuple(ids)


def equal(name: str) -> Filter:
    """A field of the record equals the value, told as text."""
    return lambda v: (f"cast(body ->> '$.{name}' as text) = ?", (v,))


def any_of(name: str) -> Filter:
    """A field of the record is one of the comma-separated values."""

    def build(value: str) -> Sql:
        values = value.split(",")
        return f"cast(body ->> '$.{name}' as text) in ({','.join('?' * len(values))})", tuple(values)

    return build


def indexed(object_: str, name: str) -> Filter:
    """As `equal`, through the store's index."""
    return lambda v: (f"id in (select id from alias where object='{object_}' and field='{name}' and value=?)", (v,))


def ignored(value: str) -> Sql:  # noqa: ARG001 - a parameter that OX takes and that changes nothing here
    """Everything."""
    return "1=1", ()


def _truth(name: str, *, when: str = "true") -> Filter:
    """OX reads some flags as true whatever their value is; others as written."""
    return lambda v: (f"coalesce(body ->> '$.{name}', 0) = ?", (1 if v == when else 0,))


def always(sql: str) -> Filter:
    """The documented trap: the filter is taken as true whatever value it is given."""
    return lambda _: (sql, ())


def _between(name: str) -> Filter:
    def build(value: str) -> Sql:
        first, _, last = value.partition(":")
        if not day(first) or not day(last):
            raise ValueError(f"not two dates with a colon between: {value!r}")
        return (
            f"id in (select id from alias where object='time_entries' and field='{name}' and value between ? and ?)",
            (first, last),
        )

    return build


def _archived(value: str) -> Sql:
    return {"include": "1=1", "only": "body ->> '$.archived' = 1", "exclude": "body ->> '$.archived' = 0"}[value], ()


def _include_archived(value: str) -> Sql:
    return ("1=1", ()) if value == "true" else ("body ->> '$.archived' = 0", ())


def _external(subject: str, name: str) -> Filter:
    def build(value: str) -> Sql:
        values = value.split(",") if name.endswith("s") else [value]
        column = name.removesuffix("s")
        return (
            "id in (select cast(json_extract(x.body, '$.subject_id') as text) from record x where "
            "x.object='external_references' and x.deleted=0 and json_extract(x.body, '$.subject_type')=? and "
            f"json_extract(x.body, '$.{column}') in ({','.join('?' * len(values))}))",
            (subject, *values),
        )

    return build


def _custom_text(subject: str) -> Filter:
    """`(field id:text)`, several of them joined by colons. OX looks for the text inside the value, in any case."""

    def build(value: str) -> Sql:
        parts = value[1:-1].split("):(") if value.startswith("(") and value.endswith(")") else [value]
        by_field: dict[str, list[str]] = {}
        for part in parts:
            field_id, _, wanted = part.partition(":")
            if not field_id.isdigit():
                raise ValueError(f"not a custom field id: {field_id!r}")
            by_field.setdefault(field_id, []).append(wanted)
        sql, params = [], []
        for field_id, texts in by_field.items():
            inside = " or ".join(["instr(lower(json_extract(x.body, '$.value')), lower(?)) > 0"] * len(texts))
            sql.append(
                "id in (select cast(json_extract(x.body, '$.subject_id') as text) from record x where "
                "x.object='custom_field_values' and x.deleted=0 and json_extract(x.body, '$.subject_type')=? and "
                f"json_extract(x.body, '$.custom_field_id')=? and ({inside}))"
            )
            params += [subject, field_id, *texts]
        return " and ".join(sql), tuple(params)

    return build


_DATES: dict[str, Filter] = {
    "created_after": _created(">"),
    "created_before": _created("<"),
    "updated_after": _updated(">"),
    "updated_before": _updated("<"),
    "only": only,
}


def _references(subject: str) -> dict[str, Filter]:
    return {
        "external_reference_service_name": _external(subject, "service_name"),
        "external_reference_service_model": _external(subject, "service_model"),
        "external_reference_service_model_ref": _external(subject, "service_model_ref"),
        "external_reference_service_model_refs": _external(subject, "service_model_refs"),
    }


_REFERENCES = ("external_reference_ids", "external_references")
_VALUES = ("custom_field_value_ids", "custom_field_values")

# -- what may be written ---------------------------------------------------------------------------------------------

_WORKSPACE_BOTH: dict[str, Check] = {
    "title": text, "budgeted": flag, "description": text, "currency": text, "price": money, "start_date": day,
    "due_date": day, "consultant_role_name": text, "client_role_name": text, "access_level": text,
    "project_tracker_template_id": number, "change_orders_enabled": flag, "expenses_in_burn_rate": flag,
    "posts_require_privacy_decision": flag, "stories_are_fixed_fee_by_default": flag, "rate_card_id": number,
    "project_template_start_date": day, "project_template_assignment_mappings": things,
    "project_template_weekends_as_workdays": flag, "project_template_create_unnamed_resources": flag,
    "status_key": number, "external_reference": thing, "workspace_group_ids": numbers,
    "primary_workspace_group_id": number, "approver_id": number, "approver_ids": numbers, "target_margin": number,
    "tasks_default_non_billable": flag, "account_color_id": number, "external_link": thing,
    "revenue_recognition_method": text, "exclude_archived_stories_percent_complete": flag, "stage": text,
    "require_notes_on_time_entries": flag, "time_trackable": flag,
}  # fmt: skip
_WORKSPACE_CREATE = {
    k: v
    for k, v in {
        **_WORKSPACE_BOTH,
        "creator_role": text,
        "change_orders": flag,
        "custom_fields": things,
        "require_expense_approvals": flag,
        "require_time_approvals": flag,
        "primary_maven_id": number,
        "participations": things,
    }.items()
    if k != "project_template_before_story_id"
}
_WORKSPACE_UPDATE = {**_WORKSPACE_BOTH, "archived": flag, "project_template_before_story_id": number}
_TIME_ENTRY: dict[str, Check] = {
    "workspace_id": number, "date_performed": day, "time_in_minutes": number, "billable": flag, "notes": text,
    "rate_in_cents": number, "cost_rate_in_cents": number, "role_id": number, "story_id": number, "user_id": number,
    "external_reference": thing, "location": text,
}  # fmt: skip
_GROUP: dict[str, Check] = {
    "name": text, "company": flag, "add_workspace_ids": numbers, "contact_name": text, "email": text,
    "phone_number": text, "address": text, "website": text, "notes": text, "external_reference": thing,
}  # fmt: skip

OBJECTS: dict[str, Object] = {
    "workspaces": Object(
        "workspace",
        associations={
            "creator": ("creator_id", "users"),
            "primary_maven": ("primary_maven_id", "users"),
            "workspace_groups": ("workspace_group_ids", "workspace_groups"),
            "primary_workspace_group": ("primary_workspace_group_id", "workspace_groups"),
            "custom_field_values": _VALUES,
            "external_references": _REFERENCES,
        },
        filters={
            **_DATES,
            **_references("Workspace"),
            "include_archived": _include_archived,
            "archived": _archived,
            "by_custom_text_value": _custom_text("Workspace"),
        },
        orders=("created_at", "updated_at", "title", "due_date"),
        default_order="updated_at:desc",
        create=_WORKSPACE_CREATE,
        update=_WORKSPACE_UPDATE,
        required=("title", "creator_role"),
    ),
    "workspace_groups": Object(
        "workspace_group",
        associations={"external_references": _REFERENCES, "custom_field_values": _VALUES},
        filters={**_DATES, **_references("WorkspaceGroup"), "company": _truth("company")},
        create=_GROUP,
        update={**_GROUP, "remove_workspace_ids": numbers},
        required=("name",),
    ),
    "workspace_status_changes": Object(
        "workspace_status_change",
        associations={"workspace": ("workspace_id", "workspaces"), "user": ("user_id", "users")},
        filters={**_DATES, "workspace_id": indexed("workspace_status_changes", "workspace_id")},
        needs=("workspace_id",),
        orders=("created_at",),
        create={"workspace_id": number, "to_status_key": number},
        required=("workspace_id", "to_status_key"),
    ),
    "stories": Object(
        "story",
        associations={
            "workspace": ("workspace_id", "workspaces"),
            "parent": ("parent_id", "stories"),
            "custom_field_values": _VALUES,
            "external_references": _REFERENCES,
        },
        filters={
            **_DATES,
            "workspace_id": indexed("stories", "workspace_id"),
            "all_on_account": ignored,
            "archived": _archived,
        },
        default_order="created_at:asc",
    ),
    "users": Object(
        "user",
        associations={
            "role": ("role_id", "roles"),
            "manager": ("manager_id", "users"),
            "custom_field_values": _VALUES,
            "external_references": _REFERENCES,
        },
        # OX keeps no times of users, so nothing filters by them.
        filters={"only": only, "on_my_account": ignored},
        orders=("full_name",),
        default_order="full_name:asc",
    ),
    "roles": Object("role", associations={"external_references": _REFERENCES}, filters=dict(_DATES)),
    "rate_card_sets": Object("rate_card_set", filters=dict(_DATES)),
    "rate_card_set_versions": Object(
        "rate_card_set_version",
        associations={"rate_card_set": ("rate_card_set_id", "rate_card_sets")},
        filters={**_DATES, "rate_card_set_id": equal("rate_card_set_id")},
    ),
    "rate_cards": Object(
        "rate_card",
        associations={
            "rate_card_set": ("rate_card_set_id", "rate_card_sets"),
            "rate_card_versions": ("rate_card_version_ids", "rate_card_versions"),
        },
        filters={**_DATES, "currencies": any_of("currency")},
    ),
    "rate_card_versions": Object(
        "rate_card_version",
        associations={
            "rate_card": ("rate_card_id", "rate_cards"),
            "rate_card_set_version": ("rate_card_set_version_id", "rate_card_set_versions"),
            "rate_card_roles": ("rate_card_role_ids", "rate_card_roles"),
        },
        filters={**_DATES, "rate_card_id": equal("rate_card_id")},
        orders=("created_at",),
    ),
    "rate_card_roles": Object(
        "rate_card_role",
        associations={
            "role": ("role_id", "roles"),
            "rate_card_version": ("rate_card_version_id", "rate_card_versions"),
        },
        filters={**_DATES, "rate_card_version_id": equal("rate_card_version_id")},
        orders=("created_at",),
        default_order="created_at:asc",
    ),
    "time_entries": Object(
        "time_entry",
        associations={
            "workspace": ("workspace_id", "workspaces"),
            "user": ("user_id", "users"),
            "story": ("story_id", "stories"),
            "role": ("role_id", "roles"),
            "active_submission": ("active_submission_id", "timesheet_submissions"),
            "recent_submission": ("recent_submission_id", "timesheet_submissions"),
            "external_references": _REFERENCES,
        },
        filters={
            **_DATES,
            "approved": always("body ->> '$.approved' = 1"),
            "invoiced": always("body ->> '$.is_invoiced' = 1"),
            "uninvoiced": always("body ->> '$.is_invoiced' = 0"),
            "billable": _truth("billable"),
            "date_performed_between": _between("date_performed"),
            "workspace_id": indexed("time_entries", "workspace_id"),
            "workspace_ids": any_of("workspace_id"),
            "with_user_ids": any_of("user_id"),
            "with_recent_timesheet_ids": any_of("recent_submission_id"),
            "from_archived_workspaces": ignored,
            "on_my_account": ignored,
        },
        orders=("created_at", "updated_at", "date_performed"),
        default_order="date_performed:desc",
        create=_TIME_ENTRY,
        update=_TIME_ENTRY,
        required=("workspace_id", "date_performed", "time_in_minutes"),
    ),
    "timesheet_submissions": Object(
        "timesheet_submission",
        associations={
            "time_entries": ("time_entry_ids", "time_entries"),
            "user": ("user_id", "users"),
            "workspace": ("workspace_id", "workspaces"),
            "external_references": _REFERENCES,
        },
        filters={
            **_DATES,
            "statuses": any_of("status"),
            "user_ids": any_of("user_id"),
            "workspace_ids": any_of("workspace_id"),
        },
        # OX documents `date` only; ours is the week's first day.
        orders=("start_date",),
        default_order="start_date:desc",
    ),
    "resolutions": Object("resolution", filters=dict(_DATES), default_order="created_at:asc"),
    "custom_field_sets": Object("custom_field_set", filters=dict(_DATES)),
    "custom_fields": Object(
        "custom_field",
        associations={"custom_field_set": ("custom_field_set_id", "custom_field_sets")},
        filters=dict(_DATES),
    ),
    "custom_field_values": Object(
        "custom_field_value",
        associations={"custom_field": ("custom_field_id", "custom_fields"), "setter": ("setter_id", "users")},
        filters={
            **_DATES,
            "subject_type": equal("subject_type"),
            "with_subject_id": any_of("subject_id"),
            "with_custom_field_id": any_of("custom_field_id"),
        },
        needs=("subject_type",),
        orders=("created_at", "updated_at", "subject_id"),
        default_order="created_at:asc",
        create={"subject_type": text, "subject_id": number, "custom_field_id": number, "value": lambda _: True},
        update={"value": lambda _: True},
        required=("subject_type", "subject_id", "custom_field_id", "value"),
    ),
    "external_references": Object(
        "external_reference",
        filters={
            **_DATES,
            "subject_type": equal("subject_type"),
            "subject_id": equal("subject_id"),
            "service_name": equal("service_name"),
            "service_model": equal("service_model"),
            "service_model_ref": equal("service_model_ref"),
        },
        needs=("subject_type",),
        orders=("created_at", "last_synced_at"),
        default_order="last_synced_at:desc",
        # Written through `create_or_update` only.
        create={
            "service_name": text, "service_model": text, "service_model_ref": text, "subject_id": number,
            "subject_type": text, "status": text, "external_link": text, "external_message": text,
            "external_status": text, "locked": flag,
        },
        required=("service_model_ref", "service_model", "service_name", "subject_id", "subject_type"),
    ),
}  # fmt: skip
