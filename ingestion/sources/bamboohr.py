"""BambooHR to raw: people, and the history of their employment.

Data flow (below `/api/v1` of the company):

    employees/changed + employees/{id}?fields=    -> raw_bamboohr.employees            personal data
    employees/all/tables/employmentStatus         -> raw_bamboohr.employment_status

Keys: `id`. Cursor of employees: `lastChanged` of the change feed, with the pipeline's overlap; deletes by a sweep over
the list of employees. The status table keeps no change time, so it is read whole each time, and a row that is missing
was deleted. Dates stay the vendor's text (`0000-00-00` is no date); staging casts them.
"""

from __future__ import annotations

import pyarrow as pa

from ingestion.resource import Reader, Resource, Source


def _texts(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


RESOURCES = (
    Resource(
        "employees",
        "employees",
        ("id",),
        _texts(
            "id",
            "employeeNumber",
            "firstName",
            "lastName",
            "displayName",
            "workEmail",
            "jobTitle",
            "department",
            "division",
            "location",
            "status",
            "employmentHistoryStatus",
            "supervisorId",
            "supervisorEId",
            "hireDate",
            "terminationDate",
            "standardHoursPerWeek",
            "lastChanged",
        ),
        changed_at="lastChanged",
        deletes="sweep",
    ),
    Resource(
        "employment_status",
        "employmentStatus",
        ("id",),
        _texts(
            "id",
            "employeeId",
            "date",
            "employmentStatus",
            "comment",
            "terminationReasonId",
            "terminationTypeId",
            "terminationRehireId",
        ),
        mode="snapshot",
        deletes="absence",
    ),
)


def connect() -> Reader:
    """The company that the environment names."""
    from systems.bamboohr.client import connect as open_client

    return open_client()


SOURCE = Source("bamboohr", RESOURCES, connect)
