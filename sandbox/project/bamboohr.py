"""The firm's truth as BambooHR holds it: employees, and the history of their employment status.

Every value has the shape that the REST API answers with: ids and numbers as text, no value as null, no date as
`0000-00-00`. `division` is the legal entity and `department` the practice: the firm has set its account up that way.
Termination is entered on the day itself, in the evening; nobody announces it earlier. No protocol here (that is
`sandbox/fakes/bamboohr.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.project.row import Row
from sandbox.truth import Resource, Truth

NO_DATE = "0000-00-00"
TITLES = {"partner": "Partner", "manager": "Manager", "senior": "Senior Consultant", "consultant": "Consultant"}
LOCATIONS = {"DE01": "Berlin", "US01": "New York"}
FULL_TIME_HOURS = 35
_FIRST_ID = {"employee": 4_000, "employment_status": 700_000}
_EVENING = time(18, 0, tzinfo=UTC)


def native_id(kind: str, truth_id: str) -> str:
    """The id that BambooHR gave to a record of the firm: digits as text, the same each time.

    Args:
        kind: `employee` (by resource), `employment_status` (by resource and number of the row: 'R001:1').

    Raises:
        KeyError: if BambooHR holds no such kind.
    """
    person, _, number = truth_id.partition(":")
    digits = int(re.sub(r"\D", "", person))
    if kind == "employment_status":
        return str(_FIRST_ID[kind] + 10 * digits + int(number or 0))
    return str(_FIRST_ID[kind] + digits)


def told(at: datetime) -> str:
    """An instant as BambooHR writes it: UTC, whole seconds, with its offset."""
    return at.astimezone(UTC).replace(microsecond=0).isoformat()


def project(truth: Truth, at: datetime) -> Iterator[Row]:
    """Every record as BambooHR holds it at `at`; people who were entered later are not in it."""
    numbers = {person.id: person.id for person in truth.resources}
    broken = {defect.record_id: defect.rule for defect in truth.defects if defect.system == "bamboohr"}
    for person in truth.resources:
        if person.created_at <= at:
            yield _employee(person, numbers, at, broken.get(person.id))
            yield from _statuses(person, at)


def left_at(person: Resource, at: datetime) -> datetime | None:
    """When somebody entered that the person has left; None where nobody has by `at`."""
    if person.termination_date is None:
        return None
    entered = datetime.combine(person.termination_date, _EVENING)
    return entered if entered <= at else None


def _employee(person: Resource, numbers: dict[str, str], at: datetime, rule: str | None) -> Row:
    """One employee. The rule `employee_email_present` leaves the work e-mail null or empty, by turns."""
    left = left_at(person, at)
    modified = max(person.created_at, left) if left else person.created_at
    email: str | None = person.email
    if rule == "employee_email_present":
        email = None if int(native_id("employee", person.id)) % 2 else ""
    id_ = native_id("employee", person.id)
    record: dict[str, Any] = {
        "id": id_,
        "employeeNumber": person.id,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "preferredName": None,
        "displayName": f"{person.first_name} {person.last_name}",
        "workEmail": email,
        "jobTitle": TITLES[person.role],
        "department": person.practice,
        "division": person.legal_entity_id,
        "location": LOCATIONS.get(person.legal_entity_id),
        "status": "Inactive" if left else "Active",
        "employmentHistoryStatus": "Terminated" if left else _contracted(person),
        "supervisor": None,
        "supervisorId": numbers.get(person.manager_id or ""),
        "supervisorEId": native_id("employee", person.manager_id) if person.manager_id in numbers else None,
        "hireDate": person.hire_date.isoformat(),
        "terminationDate": person.termination_date.isoformat() if left and person.termination_date else NO_DATE,
        "standardHoursPerWeek": _plain(person.weekly_hours),
        "lastChanged": told(modified),
    }
    return Row("employees", id_, record, modified)


def _statuses(person: Resource, at: datetime) -> Iterator[Row]:
    left = left_at(person, at)
    yield _status(person, 1, person.hire_date, _contracted(person), person.created_at)
    if left is not None and person.termination_date is not None:
        yield _status(
            person, 2, person.termination_date, "Terminated", left, terminationTypeId="Resignation (Voluntary)"
        )


def _status(person: Resource, number: int, day: date, status: str, at: datetime, **fields: str) -> Row:
    id_ = native_id("employment_status", f"{person.id}:{number}")
    record: dict[str, Any] = {
        "id": id_,
        "employeeId": native_id("employee", person.id),
        "date": day.isoformat(),
        "employmentStatus": status,
        "comment": None,
        "terminationReasonId": None,
        "terminationTypeId": None,
        "terminationRehireId": None,
        **fields,
    }
    return Row("employmentStatus", id_, record, at)


def _contracted(person: Resource) -> str:
    return "Full-Time" if person.weekly_hours >= FULL_TIME_HOURS else "Part-Time"


def _plain(value: Any) -> str:
    """A number without needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
