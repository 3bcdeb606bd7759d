"""BambooHR over HTTP: employees, what changed since, the directory, status history and the lists of fields and tables.

Served below `/api/v1` of the company's own address, and below the older gateway address that clients still use. Basic
authentication with the API key as user and anything as password. Answers are JSON; what went wrong is said in the
header `X-BambooHR-Error-Message` beside an empty body. Fields and parameters are the documented ones; a parameter that
BambooHR does not have is refused here, which it may not do: a typo must not pass.

Where the vendor's live answers differ from its own description, this answers as they do:

* ids, numbers and hours are text, and a value that is missing is null though the description may say otherwise;
* no date is `0000-00-00`;
* `401` and `429` come from every path, whether the description lists them or not;
* `changed` names who changed, not what; a deleted employee is in it once more and answers 404 afterwards;
* the directory leaves out who has left, and says 404 where it is empty;
* one employee without `onlyCurrent=false` shows nothing of a job that starts in the future.

Throttling is told from outside (`sandbox/faults.py`): since 2026-09-16 it is always 429 with `Retry-After`; a 503 is an
outage and says nothing about limits.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.clock import Clock
from sandbox.fakes.store import Store, Stored, iso
from sandbox.project.bamboohr import NO_DATE, project, told
from sandbox.truth import Truth

API_KEY = "sandbox-bamboohr-key"
COMPANY = "throughline"
INDEXED: dict[str, tuple[str, ...]] = {"employmentStatus": ("employeeId",)}
MAX_FIELDS = 400
MAX_PAGE, DEFAULT_PAGE = 2_500, 250
ACTIONS = ("inserted", "updated", "deleted")

# Field -> (id, name, type), as /meta/fields lists them.
FIELDS: dict[str, tuple[int, str, str]] = {
    "employeeNumber": (14, "Employee #", "employee_number"),
    "firstName": (1, "First Name", "text"),
    "lastName": (2, "Last Name", "text"),
    "preferredName": (1_383, "Preferred Name", "text"),
    "displayName": (1_450, "Display Name", "text"),
    "workEmail": (7, "Work Email", "email"),
    "jobTitle": (17, "Job Title", "list"),
    "department": (4, "Department", "list"),
    "division": (1_355, "Division", "list"),
    "location": (18, "Location", "list"),
    "status": (15, "Status", "status"),
    "employmentHistoryStatus": (16, "Employment Status", "list"),
    "supervisor": (91, "Supervisor name", "employee"),
    "supervisorId": (1_608, "Supervisor ID", "text"),
    "supervisorEId": (1_609, "Supervisor EID", "text"),
    "hireDate": (3, "Hire Date", "date"),
    "terminationDate": (1_610, "Termination Date", "date"),
    "standardHoursPerWeek": (4_047, "Standard Hours per Week", "integer"),
    "lastChanged": (1_611, "Last changed", "timestamp"),
}
# Current values of history tables: empty for a job that has not begun, unless future values are asked for.
_FROM_HISTORY = (
    "jobTitle", "department", "division", "location", "employmentHistoryStatus", "supervisor", "supervisorId",
    "supervisorEId",
)  # fmt: skip
_DIRECTORY = ("displayName", "firstName", "lastName", "preferredName", "jobTitle", "workEmail", "department",
              "location", "division", "supervisor")  # fmt: skip
# /employees names what it adds on request in other words than /employees/{id} does.
_LIST_FIELDS = {
    "workEmail": "workEmail",
    "hireDate": "hireDate",
    "divisionName": "division",
    "departmentName": "department",
    "locationName": "location",
    "employmentStatusName": "employmentHistoryStatus",
    "reportsToId": "supervisorEId",
}
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "employmentStatus": (
        ("date", "date"), ("employmentStatus", "list"), ("comment", "textarea"), ("terminationReasonId", "list"),
        ("terminationTypeId", "list"), ("terminationRehireId", "list"),
    ),
}  # fmt: skip


def load(store: Store, truth: Truth, at: datetime) -> None:
    """Fill with everybody who had been entered by `at`."""
    store.put_many((row.object, row.id, row.record, row.modified) for row in project(truth, at))


def tick(store: Store, truth: Truth, since: datetime, until: datetime) -> int:
    """What people entered in (since, until]. Returns records changed; nobody writes here through the API."""
    return store.put_many(
        (row.object, row.id, row.record, row.modified) for row in project(truth, until) if since < row.modified <= until
    )


def environment(url: str) -> dict[str, str]:
    """The variables that `systems/bamboohr/settings.py` reads."""
    return {"THROUGHLINE_BAMBOOHR_URL": url, "THROUGHLINE_BAMBOOHR_API_KEY": API_KEY}


class Refused(Exception):
    """An answer other than 200: its status, and the words of the error header."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def app(store: Store, clock: Clock) -> Starlette:
    """The fake's ASGI app over its state."""
    company = _Company(store, clock)
    paths: dict[str, Callable[[Request], Response]] = {
        "/employees": company.employees,
        "/employees/directory": company.directory,
        "/employees/changed": company.changed,
        "/employees/changed/tables/{table}": company.changed_table,
        "/employees/{id}": company.employee,
        "/employees/{id}/tables/{table}": company.table,
        "/meta/fields": company.fields,
        "/meta/tables": company.tables,
    }
    return Starlette(
        routes=[
            Route(base + path, company.guarded(handler), methods=["GET"])
            for base in ("/api/v1", "/api/gateway.php/{company}/v1")
            for path, handler in paths.items()
        ]
    )


class _Company:
    """The handlers over one company's records."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def guarded(self, handler: Callable[[Request], Response]) -> Callable[[Request], Any]:
        """Authentication and the error header around a handler."""

        async def handle(request: Request) -> Response:
            try:
                _authenticate(request)
                return handler(request)
            except Refused as refused:
                return Response(status_code=refused.status, headers={"X-BambooHR-Error-Message": refused.message})

        return handle

    # -- employees --------------------------------------------------------------------------------------------------

    def employees(self, request: Request) -> Response:
        """The list, in pages of a cursor. Its fields are named differently from those of one employee."""
        known = {"fields", "sort", "page[limit]", "page[after]", "filter[ids]", "filter[ids][]", "filter[status]"}
        _only(request, known)
        query = request.query_params
        limit = _number(query.get("page[limit]", str(DEFAULT_PAGE)), "page[limit]", 1, MAX_PAGE)
        after = _number(query.get("page[after]", "0"), "page[after]", 0, 10**12)
        extra = [f for f in query.get("fields", "").split(",") if f in _LIST_FIELDS]
        ids = query.getlist("filter[ids][]") or [i for i in query.get("filter[ids]", "").split(",") if i]
        people = sorted(self._store.select("employees"), key=lambda person: int(person.id))
        status = query.get("filter[status]")
        matching = [
            p for p in people
            if (not ids or p.id in ids) and (not status or p.record["status"].lower() == status.lower())
        ]  # fmt: skip
        page = [p for p in matching if int(p.id) > after][:limit]
        more = bool(page) and page[-1].id != matching[-1].id
        cursor = page[-1].id if more else None
        links: dict[str, Any] = {"self": {"href": str(request.url)}}
        if cursor:
            following = {**dict(query), "page[after]": cursor}
            links["next"] = {"href": f"{str(request.url).partition('?')[0]}?{urlencode(following)}"}
        data = [
            {
                "employeeId": p.id,
                "firstName": p.record["firstName"],
                "lastName": p.record["lastName"],
                "preferredName": p.record["preferredName"],
                "photoUrl": None,
                "jobTitleName": p.record["jobTitle"],
                "status": p.record["status"],
                **{name: p.record[_LIST_FIELDS[name]] for name in extra},
                "_restrictedFields": [],
            }
            for p in page
        ]
        paging = {"limit": limit, "nextCursor": cursor, "prevCursor": None}
        return JSONResponse({"data": data, "meta": {"total": len(matching), "page": paging}, "_links": links})

    def directory(self, request: Request) -> Response:
        """Who works here now, in the fields that the company shows to everybody."""
        _only(request, {"onlyCurrent"})
        people = [
            person
            for person in self._store.select("employees", order="id")
            if person.record["status"] == "Active" and (not _only_current(request) or self._began(person))
        ]
        if not people:
            raise Refused(404, "The directory is empty")
        fields = [{"id": name, "type": FIELDS[name][2], "name": FIELDS[name][1]} for name in _DIRECTORY]
        shown = [
            {"id": p.id, **{name: p.record[name] for name in _DIRECTORY}, "photoUploaded": False, "canUploadPhoto": 0}
            for p in people
        ]
        return JSONResponse({"fields": fields, "employees": shown})

    def changed(self, request: Request) -> Response:
        """Who changed after an instant; the deleted as well."""
        _only(request, {"since", "type"})
        since = _since(request)
        kind = request.query_params.get("type", "all").lower()
        if kind not in (*ACTIONS, "all"):
            raise Refused(400, f"Invalid type: {kind}")
        found = {}
        for person in self._touched(since):
            action = "Deleted" if person.deleted else "Inserted" if self._is_new(person, since) else "Updated"
            if kind in ("all", action.lower()):
                found[person.id] = {"id": person.id, "action": action, "lastChanged": _last_changed(person)}
        latest = max((entry["lastChanged"] for entry in found.values()), default=told(since))
        return JSONResponse({"latest": latest, "employees": found})

    def employee(self, request: Request) -> Response:
        """One employee, in the fields asked for. A field that there is not is left out without a word."""
        _only(request, {"fields", "onlyCurrent"})
        asked = request.query_params.get("fields", "firstName,lastName").split(",")
        if len(asked) > MAX_FIELDS:
            raise Refused(400, f"Too many fields: {len(asked)} of at most {MAX_FIELDS}")
        person = self._person(request.path_params["id"])
        hidden = () if self._began(person) or not _only_current(request) else _FROM_HISTORY
        values = {name: None if name in hidden else person.record[name] for name in asked if name in FIELDS}
        return JSONResponse({"id": person.id, **values})

    # -- tables -----------------------------------------------------------------------------------------------------

    def table(self, request: Request) -> Response:
        """The rows of a table, of one employee or of all."""
        _only(request, set())
        name = _table(request)
        if request.path_params["id"] == "all":
            rows = self._store.select(name, order="id")
        else:
            rows = self._store.find(name, "employeeId", self._person(request.path_params["id"]).id)
        return JSONResponse([row.record for row in rows])

    def changed_table(self, request: Request) -> Response:
        """All rows of the employees who changed after an instant."""
        _only(request, {"since"})
        name, since = _table(request), _since(request)
        found = {
            person.id: {
                "lastChanged": _last_changed(person),
                "rows": [row.record for row in self._store.find(name, "employeeId", person.id)],
            }
            for person in self._touched(since)
            if not person.deleted
        }
        return JSONResponse({"table": name, "employees": found})

    # -- what there is ----------------------------------------------------------------------------------------------

    def fields(self, request: Request) -> Response:
        """Fields of an employee."""
        _only(request, set())
        return JSONResponse(
            [{"id": id_, "name": name, "type": kind, "alias": alias} for alias, (id_, name, kind) in FIELDS.items()]
        )

    def tables(self, request: Request) -> Response:
        """Tables and their fields."""
        _only(request, set())
        return JSONResponse(
            [
                {
                    "alias": table,
                    "fields": [
                        {"id": 1_700 + n, "name": alias, "alias": alias, "type": kind}
                        for n, (alias, kind) in enumerate(fields)
                    ],
                }
                for table, fields in TABLES.items()
            ]
        )

    # -- records ----------------------------------------------------------------------------------------------------

    def _person(self, id_: str) -> Stored:
        found = self._store.get("employees", id_)
        if found is None or found.deleted:
            raise Refused(404, f"Employee {id_} does not exist")
        return found

    def _touched(self, since: datetime) -> list[Stored]:
        """Employees who changed after `since`, the deleted included, the oldest change first."""
        live = self._store.select("employees", where="modified > ?", params=(iso(since),))
        gone = [row for row in self._store.deleted_since("employees", since) if row.modified > iso(since)]
        return sorted([*live, *gone], key=lambda row: (row.modified, row.id))

    def _is_new(self, person: Stored, since: datetime) -> bool:
        """Entered after `since`: so was the first row of the employment status."""
        rows = self._store.find("employmentStatus", "employeeId", person.id)
        return bool(rows) and min(row.modified for row in rows) > iso(since)

    def _began(self, person: Stored) -> bool:
        hired = person.record["hireDate"]
        return bool(hired != NO_DATE and hired <= self._clock.now().date().isoformat())


def _authenticate(request: Request) -> None:
    scheme, _, code = request.headers.get("authorization", "").partition(" ")
    try:
        user = base64.b64decode(code).decode().partition(":")[0] if scheme.lower() == "basic" else ""
    except ValueError:
        user = ""
    if user != API_KEY:
        raise Refused(401, "Invalid API key")


def _only(request: Request, known: set[str]) -> None:
    unknown = set(request.query_params) - known - {"format"}
    if unknown:
        raise Refused(400, f"Unknown parameter: {', '.join(sorted(unknown))}")


def _only_current(request: Request) -> bool:
    return request.query_params.get("onlyCurrent", "true").lower() not in ("false", "0")


def _since(request: Request) -> datetime:
    text = request.query_params.get("since", "")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"Invalid since: {text!r}") from None
    if found.tzinfo is None:
        raise Refused(400, f"Invalid since: {text!r} has no offset")
    return found


def _table(request: Request) -> str:
    name = str(request.path_params["table"])
    if name not in TABLES:
        raise Refused(404, f"Table {name} does not exist")
    return name


def _number(text: str, name: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text) <= high:
        raise Refused(400, f"{name} must be a number from {low} to {high}")
    return int(text)


def _last_changed(person: Stored) -> str:
    if person.deleted:
        return f"{person.modified[:19]}+00:00"
    return str(person.record["lastChanged"])
