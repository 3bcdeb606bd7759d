"""How to talk to BambooHR: the API key as user, who changed since, one employee at a time, errors. Read only.

What BambooHR does that a caller must know:

* `employees/changed` names who changed and when, not what; each employee is then read by itself. Somebody who was
  deleted in between answers 404 and is left out: the sweep of ids sees the deletion.
* Without `onlyCurrent=false` a job that starts in the future is empty.
* The list of employees calls its fields other names and shows fewer of them, so it is used for ids only.
* What went wrong is in the header `X-BambooHR-Error-Message`. 429 has `Retry-After`; a 503 is an outage.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from common.clock import Clock
from common.settings import settings
from systems.bamboohr.settings import BambooHRSettings, bamboohr_settings
from systems.errors import Fatal, Rejected, Retriable
from systems.http import Http, Response, redact, wait_on_the_wall

SYSTEM = "bamboohr"
TABLES = ("employmentStatus",)
MAX_PAGES = 10_000
_EMPLOYEES_A_PAGE = 100
# `changed` may leave out the second that it is asked about.
_INCLUSIVE = timedelta(seconds=1)
_ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


class Client:
    """One company. Safe for threads.

    Args:
        config: where and how.
        clock: what counts as now.
        wait: what lets time pass between attempts of a read.
    """

    def __init__(
        self, config: BambooHRSettings, clock: Clock, wait: Callable[[float], None] = wait_on_the_wall
    ) -> None:
        self.instance = config.instance
        self._config = config
        self._clock = clock
        self._http = Http(SYSTEM, config.url, timeout=config.timeout_seconds, pool=config.parallel + 2, wait=wait)
        code = base64.b64encode(f"{config.api_key.get_secret_value()}:x".encode()).decode()
        self._headers = {"Authorization": f"Basic {code}", "Accept": "application/json"}

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of NDJSON: `employees` (with `since`, those changed at or after it), or a table (always whole).

        Args:
            fields: columns wanted; `id` and `lastChanged` come by themselves.

        Raises:
            Fatal: wrong key, unknown object, a page that can't be read, or BambooHR is out of reach.
        """
        if name == "employees":
            yield from self._employees(since, fields)
        else:
            rows = self._get(f"/employees/all/tables/{_table(name)}")
            if rows:
                yield _ndjson(rows)

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that exist now, of people who have left as well.

        Raises:
            Fatal: as `read`.
        """
        if name != "employees":
            yield [str(row["id"]) for row in self._get(f"/employees/all/tables/{_table(name)}")]
            return
        query = {"page[limit]": str(self._config.page_size)}
        for _ in range(MAX_PAGES):
            page = self._get("/employees", query)
            yield [str(person["employeeId"]) for person in page["data"]]
            cursor = page["meta"]["page"].get("nextCursor")
            if not cursor:
                return
            query["page[after]"] = str(cursor)
        raise Fatal(SYSTEM, f"the list of employees has no end after {MAX_PAGES} pages")

    def _employees(self, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        after = _ALWAYS if since is None else since.astimezone(UTC) - _INCLUSIVE
        changes = self._get("/employees/changed", {"since": after.isoformat(timespec="seconds")})["employees"] or {}
        # The oldest change first: what a broken load has read is then what the next one need not read again.
        alive = sorted(
            (entry for entry in changes.values() if entry["action"] != "Deleted"),
            key=lambda entry: (entry["lastChanged"], entry["id"]),
        )
        wanted = ",".join(field for field in fields if field not in ("id", "lastChanged"))
        with ThreadPoolExecutor(self._config.parallel, thread_name_prefix=SYSTEM) as pool:
            for start in range(0, len(alive), _EMPLOYEES_A_PAGE):
                part = alive[start : start + _EMPLOYEES_A_PAGE]
                found = [person for person in pool.map(lambda entry: self._employee(entry, wanted), part) if person]
                if found:
                    yield _ndjson(found)

    def _employee(self, change: Mapping[str, Any], fields: str) -> dict[str, Any] | None:
        """One employee as of now with the instant of the change that made us look; None where he is gone."""
        try:
            person = self._get(f"/employees/{change['id']}", {"fields": fields, "onlyCurrent": "false"})
        except Rejected as gone:
            if gone.code == "404":
                return None
            raise
        return {**person, "lastChanged": change["lastChanged"]}

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a read, repeated while BambooHR asks us to wait."""
        kept: list[Any] = []

        def judge(answer: Response) -> Exception | None:
            fault = self._fault(answer, path)
            if fault is None:
                try:
                    kept[:] = [msgspec.json.decode(answer.body)]
                except msgspec.MsgspecError as error:
                    return Retriable(SYSTEM, f"an answer to {path} that can't be read ({redact(str(error), 120)})")
            return fault

        self._http.read_retrying(
            lambda: self._http.request("GET", f"/api/v1{path}", headers=self._headers, params=query, write=False), judge
        )
        return kept[0]

    def _fault(self, answer: Response, path: str) -> Exception | None:
        """What an answer means."""
        status, said = answer.status, redact(answer.headers.get("X-BambooHR-Error-Message") or answer.text, 200)
        code = str(status)
        fault: Exception | None = None
        if status == 401:
            fault = Fatal(
                SYSTEM,
                f"the API key was refused (401). {said} Set THROUGHLINE_BAMBOOHR_API_KEY to a key of a user who may see "
                "all employees.",
                code=code,
            )
        elif status == 403:
            fault = Fatal(SYSTEM, f"not allowed (403): {path}. {said} Give the key's user access to it.", code=code)
        elif status == 404:
            fault = Rejected(SYSTEM, f"{path} does not exist (404). {said}", code=code)
        elif status == 429:
            after = answer.retry_after(self._clock.now(), default=5.0)
            fault = Retriable(SYSTEM, "too many requests (429)", after=after, code=code)
        elif status >= 500:
            fault = Retriable(SYSTEM, f"out of order ({status}). {said}", after=1.0, code=code)
        elif status != 200:
            fault = Fatal(SYSTEM, f"the request was refused ({status}): {path}. {said}", code=code)
        return fault


def connect() -> Client:
    """The company that the environment names. A simulated firm's waits return at once."""
    config = settings()
    wait: Callable[[float], None] = (lambda _: None) if config.firm == "sandbox" else wait_on_the_wall
    return Client(bamboohr_settings(), config.clock(), wait)


def _table(name: str) -> str:
    if name not in TABLES:
        raise Fatal(SYSTEM, f"no object named {name!r} is read; known: employees, {', '.join(TABLES)}")
    return name


def _ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(msgspec.json.encode(row) for row in rows)
