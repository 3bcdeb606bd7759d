"""Hours and their approval as Kantata OX holds them: time entries and timesheet submissions.

OX approves submissions, not entries: a submission is what one person hands in for one project at one time, and its
status and current resolution hold for every entry on it. An entry knows its most recent submission
(`recent_submission_id`) and, while that one is neither rejected nor cancelled, the same as `active_submission_id`.
OX shows an entry only on its most recent submission; so does this. A submission tells its current resolution only; all
of them are `resolutions`, which the vendor's client library lists as an object. A rejected entry that the firm
replaces by another one says so in the notes of its successor, because OX has no field for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.project.kantata_ids import native_id, told
from sandbox.project.kantata_view import View
from sandbox.project.row import Row
from sandbox.truth import StatusEvent, TimeEntry

RESOLUTIONS = ("approved", "rejected")
# A workspace that nobody has: what the known defect `time_project_known` shows where the truth knows the project.
NO_WORKSPACE = "49999999"


@dataclass
class Submission:
    """One handing-in: entries of one person on one project with the same fate, all of it, also what comes later."""

    id: str
    submitted: StatusEvent
    resolutions: tuple[StatusEvent, ...]
    entries: list[TimeEntry] = field(default_factory=list)

    def resolution(self, at: datetime) -> StatusEvent | None:
        """The resolution in force at an instant."""
        known = [event for event in self.resolutions if event.at <= at]
        return known[-1] if known else None


def cycles(entry: TimeEntry) -> list[tuple[StatusEvent, tuple[StatusEvent, ...]]]:
    """An entry's submissions in order: (handed in, resolutions). An approval without a handing-in counts as both."""
    found: list[tuple[StatusEvent, list[StatusEvent]]] = []
    for event in sorted(entry.statuses, key=lambda e: e.at):
        if event.status == "submitted":
            found.append((event, []))
        elif event.status in RESOLUTIONS:
            if not found:
                found.append((event, []))
            found[-1][1].append(event)
    return [(submitted, tuple(resolved)) for submitted, resolved in found]


def submissions(entries: tuple[TimeEntry, ...]) -> tuple[list[Submission], dict[str, list[Submission]]]:
    """All submissions, and each entry's own in order."""
    groups: dict[Any, Submission] = {}
    of_entry: dict[str, list[Submission]] = {}
    for entry in entries:
        for number, (submitted, resolved) in enumerate(cycles(entry), 1):
            key = (entry.project_id, entry.resource_id, submitted, resolved)
            if key not in groups:
                groups[key] = Submission(native_id("submission", f"{entry.id}:{number}"), submitted, resolved)
            groups[key].entries.append(entry)
            of_entry.setdefault(entry.id, []).append(groups[key])
    return list(groups.values()), of_entry


def invoiced(view: View) -> dict[str, tuple[bool, datetime]]:
    """Entry -> (on a posted invoice now, since when). A credit memo takes it off again."""
    found: dict[str, tuple[int, datetime]] = {}
    posted = [i for i in view.truth.invoices if i.posted_at is not None and i.posted_at <= view.at]
    for invoice in sorted(posted, key=lambda i: i.posted_at or i.created_at):
        for line in invoice.lines:
            if line.time_entry_id is None or line.line_type != "time" or invoice.posted_at is None:
                continue
            count = found.get(line.time_entry_id, (0, invoice.posted_at))[0]
            step = 1 if invoice.document_type == "invoice" else -1
            found[line.time_entry_id] = (count + step, invoice.posted_at)
    return {entry: (count > 0, at) for entry, (count, at) in found.items()}


def timesheets(view: View) -> Iterator[Row]:
    """Time entries and submissions at the view's instant, on workspaces that exist."""
    all_of_them, of_entry = submissions(view.truth.time_entries)
    billed = invoiced(view)
    shown: dict[str, Row] = {}
    for entry in view.truth.time_entries:
        row = _entry(view, entry, of_entry.get(entry.id, []), billed.get(entry.id))
        if row is not None:
            shown[entry.id] = row
            yield row
    for submission in all_of_them:
        row = _submission(view, submission, shown, of_entry)
        if row is not None:
            yield row
            yield from _resolutions(view, submission)


def _entry(
    view: View, entry: TimeEntry, handed_in: list[Submission], billed: tuple[bool, datetime] | None
) -> Row | None:
    workspace = view.workspace_id(entry.project_id)
    if entry.created_at > view.at or workspace is None:
        return None
    known = view.projects.get(entry.project_id)
    if known is not None and entry.id in view.defects.get("time_project_known", ()):
        workspace = NO_WORKSPACE
    resource = view.resources[entry.resource_id]
    card = known.rate_card_id if known else f"RC-{resource.legal_entity_id}"
    line = view.rate(card, resource.role, entry.work_date)
    recent = next((s for s in reversed(handed_in) if s.submitted.at <= view.at), None)
    resolution = recent.resolution(view.at) if recent else None
    rejected = resolution is not None and resolution.status == "rejected"
    moments = [entry.created_at, line.recorded_at if line else None, billed[1] if billed else None]
    moments += [event.at for event in entry.statuses]
    updated = view.latest(*moments)
    currency = known.currency if known else (line.currency if line else None)
    notes = entry.notes
    if entry.replaces_id is not None:
        notes = f"Replaces {native_id('time_entry', entry.replaces_id)}. {notes}"
    id_ = native_id("time_entry", entry.id)
    record: dict[str, Any] = {
        "id": id_,
        "created_at": told(entry.created_at),
        "updated_at": told(updated),
        "date_performed": entry.work_date.isoformat(),
        "time_in_minutes": int(entry.hours * 60),
        "billable": entry.billable,
        "notes": notes,
        "rate_in_cents": int(line.bill_rate * 100) if line else None,
        "cost_rate_in_cents": None,
        "currency": currency,
        "currency_base_unit": 100,
        "approved": resolution is not None and resolution.status == "approved",
        "taxable": False,
        "is_invoiced": bool(billed and billed[0]),
        "story_id": None,
        "workspace_id": workspace,
        "user_id": native_id("resource", entry.resource_id),
        "role_id": native_id("role", resource.role),
        "active_submission_id": recent.id if recent and not rejected else None,
        "recent_submission_id": recent.id if recent else None,
    }
    return Row("time_entries", id_, record, updated)


def _submission(
    view: View, submission: Submission, shown: dict[str, Row], of_entry: dict[str, list[Submission]]
) -> Row | None:
    entries = [entry for entry in submission.entries if entry.id in shown]
    if submission.submitted.at > view.at or not entries:
        return None
    resolution = submission.resolution(view.at)
    first = entries[0]
    monday = first.work_date - timedelta(days=first.work_date.weekday())
    mine = [
        native_id("time_entry", entry.id)
        for entry in entries
        if [s for s in of_entry[entry.id] if s.submitted.at <= view.at][-1] is submission
    ]
    worth = (Decimal(shown[e.id].record["rate_in_cents"] or 0) * e.hours for e in entries if e.billable)
    updated = view.latest(submission.submitted.at, resolution.at if resolution else None)
    workspace = shown[first.id].record["workspace_id"]
    record: dict[str, Any] = {
        "id": submission.id,
        "title": f"Week of {monday.isoformat()}",
        "comment": None,
        "type": "TimesheetSubmission",
        "start_date": monday.isoformat(),
        "end_date": (monday + timedelta(days=6)).isoformat(),
        "created_at": told(submission.submitted.at),
        "updated_at": told(updated),
        "status": resolution.status if resolution else "new",
        "current_resolution_created_at_date": told(resolution.at) if resolution else None,
        "current_resolution_creator_id": _user_number(view, resolution),
        "current_resolution_description": None,
        "line_item_total_in_cents": int(sum(worth, Decimal(0))),
        "currency": shown[first.id].record["currency"],
        "currency_base_unit": 100,
        "user_id": native_id("resource", first.resource_id),
        "workspace_id": workspace,
        "time_entry_ids": mine,
    }
    return Row("timesheet_submissions", submission.id, record, updated)


def _resolutions(view: View, submission: Submission) -> Iterator[Row]:
    """Every approval and rejection of a submission up to now."""
    for number, event in enumerate(submission.resolutions, 1):
        if event.at > view.at:
            continue
        id_ = f"{submission.id}{number}"
        record: dict[str, Any] = {
            "id": id_,
            "type": event.status,
            "created_at": told(event.at),
            "updated_at": told(event.at),
            "description": None,
            "target_type": "TimesheetSubmission",
            "target_id": int(submission.id),
            "user_id": view.user_of.get(event.actor),
        }
        yield Row("resolutions", id_, record, event.at)


def _user_number(view: View, event: StatusEvent | None) -> int | None:
    """The one id that OX tells as a number."""
    user = view.user_of.get(event.actor) if event else None
    return int(user) if user else None
