"""One Salesforce org: signing in, reading by SOQL, writing by collections.

Reads are repeated where that helps, a write is one request and never repeated here. What an answer means is decided in
this module alone; callers see results and `systems.errors`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from common.clock import Clock
from common.settings import settings
from systems.chains import side_by_side
from systems.errors import Fatal, InDoubt, OutsideError, Rejected, Retriable
from systems.http import Http, Response, redact, wait_on_the_wall
from systems.salesforce.ranges import split
from systems.salesforce.settings import SalesforceSettings, salesforce_settings

SYSTEM = "salesforce"
# Rows of one collections request: the vendor's limit.
MAX_ROWS = 200
# Salesforce refuses addresses above 16,384 bytes; key lists are cut so that a query stays well below.
MAX_QUERY_BYTES = 8_000
# A query with more rows than this is read as ranges side by side. A page's latency is what a chain is bound by; Salesforce
# admits 25 long requests at a time and keeps ten locators a user.
SIDE_BY_SIDE_FROM = 10_000
PARTS = 6
# The 24-hour allowance moves by the hour at best; nothing is gained by asking sooner.
QUOTA_WAIT_SECONDS = 3_600.0

# Refusals of a row or request that say nothing about its content: the same may be sent again.
_BUSY = {
    "UNABLE_TO_LOCK_ROW",
    "SERVER_UNAVAILABLE",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "CONCURRENT_REQUESTS_LIMIT_EXCEEDED",
}
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_ENVELOPE = b'{"attributes":{'


class _Page(msgspec.Struct):
    """The envelope of a query's answer; records stay the bytes that they are."""

    totalSize: int  # noqa: N815 - the vendor's name
    done: bool
    records: list[msgspec.Raw]
    nextRecordsUrl: str | None = None  # noqa: N815 - the vendor's name


@dataclass(frozen=True)
class Usage:
    """API calls of the last 24 hours and the org's limit, as the latest answer had them."""

    used: int
    limit: int


@dataclass(frozen=True)
class WriteResult:
    """What became of one row: its id, or the error that says what to do (Rejected, Retriable)."""

    native_id: str | None
    created: bool = False
    error: OutsideError | None = None


class Client:
    """Talks to one org. Safe for threads.

    Args:
        config: the org's address and credentials.
        clock: dates of `Retry-After` are read against it.
        wait: what to do between attempts of a read.
    """

    def __init__(
        self, config: SalesforceSettings, clock: Clock, wait: Callable[[float], None] = wait_on_the_wall
    ) -> None:
        self.instance = config.instance
        self.usage: Usage | None = None
        self._config = config
        self._clock = clock
        self._http = Http(SYSTEM, config.url, timeout=config.timeout, ca_file=config.ca_file, wait=wait)
        self._base = config.url.rstrip("/")
        self._token: str | None = None
        self._signing_in = threading.Lock()
        self._described: dict[str, dict[str, Any]] = {}

    # -- reading ----------------------------------------------------------------------------------------------

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of the object `name` as NDJSON, rows in the recycle bin included (`IsDeleted`).

        Custom fields that the org has beyond `fields` come too. With `since`, rows whose `SystemModstamp` is at or
        after it.

        Raises:
            Fatal: the org lacks a field of `fields`, refuses the query, or a page can't be read.
        """
        query = f"SELECT {', '.join(self._selected(name, fields))} FROM {name}"
        for page in self._all_pages(query, since, name):
            if page.records:
                yield b"\n".join(_without_envelope(record) for record in page.records)

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that are there, the recycle bin included: `read` shows those rows as deleted, so an id that
        is missing here was purged.
        """
        for page in self._pages("queryAll", f"SELECT Id FROM {name}", name):
            yield [msgspec.json.decode(record)["Id"] for record in page.records]

    def read_by(self, name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Live rows whose `key_field` is one of `keys`, with `fields`. Queries read the database, not a search index.

        Raises:
            Fatal: as `read`.
        """
        wanted = ", ".join(dict.fromkeys(("Id", key_field, *fields)))
        found: list[dict[str, Any]] = []
        for chunk in _chunks([_quoted(key) for key in keys], MAX_QUERY_BYTES):
            query = f"SELECT {wanted} FROM {name} WHERE {key_field} IN ({','.join(chunk)})"
            for page in self._pages("query", query, name):
                found += [msgspec.json.decode(_without_envelope(record)) for record in page.records]
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """What the org says about an object: its fields, types, lengths, picklists. Asked once a client.

        Raises:
            Fatal: the org has no such object, or the user may not see it.
        """
        if name not in self._described:
            answer = self._read(f"/sobjects/{name}/describe")
            self._described[name] = _decoded(answer, dict)
        return self._described[name]

    def _selected(self, name: str, fields: list[str]) -> list[str]:
        there = {field["name"] for field in self.describe(name)["fields"]}
        missing = [field for field in fields if field not in there]
        if missing:
            raise Fatal(
                SYSTEM,
                f"{name} has no field {', '.join(missing)} in this org, or the integration user may not see it. Create "
                "it or grant the permission, or take it out of ingestion/sources/salesforce.py.",
                code="INVALID_FIELD",
            )
        return [*fields, *sorted(field for field in there - set(fields) if field.endswith("__c"))]

    def _all_pages(self, query: str, since: datetime | None, name: str) -> Iterator[_Page]:
        """The query's pages: one chain where they are few, ranges of change time side by side where they are many."""
        whole = _between("SystemModstamp", since, None)
        chain = self._pages("queryAll", query + whole, name)
        first = next(chain)
        if first.totalSize <= SIDE_BY_SIDE_FROM:
            yield first
            yield from chain
            return
        ends = [self._stamp(name, whole, way) for way in ("ASC", "DESC")]
        parts = [
            self._pages("queryAll", query + _between("SystemModstamp", begin or since, end), name)
            for begin, end in split(ends[0], ends[1], PARTS)
        ]
        yield from side_by_side(parts)

    def _stamp(self, name: str, where: str, way: str) -> datetime:
        """The earliest (ASC) or latest (DESC) change time."""
        query = f"SELECT SystemModstamp FROM {name}{where} ORDER BY SystemModstamp {way} LIMIT 1"
        for page in self._pages("queryAll", query, name):
            for record in page.records:
                return datetime.fromisoformat(msgspec.json.decode(record)["SystemModstamp"])
        raise _unreadable(f"{name} lost its rows while it was read")

    def _pages(self, endpoint: str, query: str, name: str) -> Iterator[_Page]:
        """All pages of a query, each checked: of the right object, no page twice, as many rows as announced."""
        address = self._path(f"/{endpoint}") + "?" + urlencode({"q": query})
        expected: int | None = None
        rows = 0
        while True:
            page = _decoded(self._read(address), _Page)
            expected = page.totalSize if expected is None else expected
            rows += len(page.records)
            if page.records and f'"type":"{name}"'.encode() not in bytes(page.records[0])[:200]:
                raise _unreadable(f"a page of {name} holds rows of something else")
            if page.nextRecordsUrl == address or (page.done and rows != expected) or rows > expected:
                raise _unreadable(f"{rows} rows of {name} came where {expected} were announced: a page came twice")
            yield page
            if page.done:
                return
            if not page.nextRecordsUrl:
                raise _unreadable(f"a page of {name} says that there are more but not where")
            address = page.nextRecordsUrl

    # -- writing ----------------------------------------------------------------------------------------------

    def write(
        self, name: str, rows: Sequence[Mapping[str, Any]], key_field: str = "Id", request_id: str | None = None
    ) -> list[WriteResult]:
        """Upsert up to 200 rows by an external id, or update them by `Id`, in one request.

        Rows carry their `key_field`; their keys differ. A null clears a field.

        Returns:
            One result a row, in order. Rows are independent: one that is refused stops no other.

        Raises:
            ValueError: more than 200 rows.
            Rejected: the whole request was refused and no row was named; nothing was executed.
            Retriable: nothing was executed.
            InDoubt: no whole answer.
            Fatal: credentials, permissions, an unknown object; nothing was executed.
        """
        if len(rows) > MAX_ROWS:
            raise ValueError(f"{len(rows)} rows in one request, Salesforce takes {MAX_ROWS}")
        if not rows:
            return []
        tail = "" if key_field == "Id" else f"/{name}/{key_field}"
        records = [{"attributes": {"type": name}, **row} for row in rows]
        body = msgspec.json.encode({"allOrNone": False, "records": records})
        extra = {"X-Request-Id": request_id} if request_id else {}
        answer = self._send("PATCH", self._path(f"/composite/sobjects{tail}"), body=body, write=True, extra=extra)
        fault = self._judge(answer, write=True)
        if fault is not None:
            raise fault
        try:
            results = msgspec.json.decode(answer.body, type=list[dict[str, Any]])
        except msgspec.DecodeError as error:
            raise InDoubt(SYSTEM, "the answer to a write can't be read; it was probably executed") from error
        if len(results) != len(rows):
            raise InDoubt(SYSTEM, f"{len(results)} results for {len(rows)} rows; the write was probably executed")
        return [self._result(result, str(row.get(key_field))) for result, row in zip(results, rows, strict=True)]

    @staticmethod
    def _result(result: Mapping[str, Any], key: str) -> WriteResult:
        if result.get("success"):
            return WriteResult(str(result["id"]), bool(result.get("created", False)))
        first = (result.get("errors") or [{}])[0]
        code, text = str(first.get("statusCode", "UNKNOWN")), redact(str(first.get("message", "")))
        if code in _BUSY:
            return WriteResult(None, error=Retriable(SYSTEM, f"{code}: {text}", after=1.0, code=code))
        field = next(iter(first.get("fields") or []), None)
        return WriteResult(None, error=Rejected(SYSTEM, f"{code}: {text}", record=key, field=field, code=code))

    # -- one call ---------------------------------------------------------------------------------------------

    def _path(self, tail: str) -> str:
        return f"/services/data/v{self._config.api_version}{tail}"

    def _read(self, path: str) -> Response:
        """One answer to a read, repeated where that helps."""
        whole = path if path.startswith("/services/") else self._path(path)

        def judge(answer: Response) -> Exception | None:
            fault = self._judge(answer, write=False)
            if isinstance(fault, Retriable) and fault.code == "REQUEST_LIMIT_EXCEEDED":
                return Fatal(SYSTEM, f"{fault} The next run goes on from where this one was.", code=fault.code)
            return fault

        return self._http.read_retrying(lambda: self._send("GET", whole, write=False), judge)

    def _send(
        self, method: str, path: str, *, write: bool, body: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> Response:
        """One request with a valid session. A session that ran out was not served, so it is renewed once and the
        request sent again; that is no second execution.
        """
        for _ in range(2):
            token = self._session()
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(extra or {})}
            if body is not None:
                headers["Content-Type"] = "application/json"
            answer = self._http.request(method, self._base + path, headers=headers, body=body, write=write)
            usage = _USAGE.search(answer.headers.get("Sforce-Limit-Info", ""))
            if usage:
                self.usage = Usage(int(usage[1]), int(usage[2]))
            if answer.status != 401:
                return answer
            self._forget(token)
        return answer

    def _session(self) -> str:
        """The session token; signs in where there is none. One thread does it, the others wait for it."""
        with self._signing_in:
            if self._token is None:
                self._token = self._sign_in()
            return self._token

    def _forget(self, token: str) -> None:
        with self._signing_in:
            if self._token == token:
                self._token = None

    def _sign_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret.get_secret_value(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}

        def ask() -> Response:
            return self._http.request(
                "POST", "/services/oauth2/token", headers=headers, body=urlencode(form), write=False
            )

        def judge(answer: Response) -> Exception | None:
            if answer.status == 200:
                return None
            if answer.status == 429 or answer.status >= 500:
                return self._judge(answer, write=False)
            return Fatal(
                SYSTEM,
                f"sign-in was refused ({answer.status}: {redact(answer.text, 200)}). Check "
                "THROUGHLINE_SALESFORCE_URL, _CLIENT_ID and _CLIENT_SECRET.",
            )

        granted = _decoded(self._http.read_retrying(ask, judge), dict)
        if "access_token" not in granted:
            raise _unreadable("the sign-in's answer has no access_token")
        self._base = str(granted.get("instance_url", self._base)).rstrip("/")
        return str(granted["access_token"])

    def _judge(self, answer: Response, *, write: bool) -> OutsideError | None:
        """What an answer means; None for a good one."""
        if answer.status in (200, 201, 204):
            return None
        code, text = _refusal(answer)
        said = f"{answer.status} {code}: {text}".strip()
        if answer.status == 429 or code in _BUSY or (answer.status == 503 and "Retry-After" in answer.headers):
            return Retriable(SYSTEM, said, after=answer.retry_after(self._clock.now()), code=code)
        if code == "REQUEST_LIMIT_EXCEEDED":
            return Retriable(
                SYSTEM, f"the org's API calls of 24 hours are used up ({said}).", after=QUOTA_WAIT_SECONDS, code=code
            )
        if answer.status >= 500:
            return InDoubt(SYSTEM, said, code=code) if write else Retriable(SYSTEM, said, code=code)
        if answer.status == 401:
            advice = "the session was refused right after signing in: check the connected app's policies"
        elif answer.status == 403:
            advice = "the integration user lacks a permission"
        elif answer.status == 400 and write:
            return Rejected(SYSTEM, f"the whole request was refused ({said})", code=code)
        else:
            advice = "the org does not have what was asked for, or not under this name"
        return Fatal(SYSTEM, f"{advice} ({said}).", code=code)


def _refusal(answer: Response) -> tuple[str, str]:
    """The first error's code and message, whatever shape the body has."""
    try:
        body = answer.json()
    except ValueError:
        return "", redact(answer.text, 200)
    first = body[0] if isinstance(body, list) and body else body
    if isinstance(first, dict):
        return str(first.get("errorCode", "")), redact(str(first.get("message", "")), 300)
    return "", redact(answer.text, 200)


def _decoded(answer: Response, kind: Any) -> Any:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> Fatal:
    return Fatal(
        SYSTEM,
        f"an answer can't be read ({why}). Nothing of it was kept; run again, and if it happens again look at what "
        "stands between us and the org (proxy, gateway).",
    )


def _without_envelope(record: msgspec.Raw) -> bytes:
    """A record's JSON without its `attributes`, which Salesforce puts first; on one line."""
    raw = bytes(record)
    if raw.startswith(_ENVELOPE) and b"\n" not in raw:
        end = raw.find(b"},")
        if end > 0:
            return b"{" + raw[end + 2 :]
    row = msgspec.json.decode(raw)
    row.pop("attributes", None)
    return msgspec.json.encode(row)


def _between(field: str, begin: datetime | None, end: datetime | None) -> str:
    """A WHERE clause for [begin, end); nothing where both are open."""
    bounds = [
        f"{field} {sign} {at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
        for sign, at in ((">=", begin), ("<", end))
        if at is not None
    ]
    return f" WHERE {' AND '.join(bounds)}" if bounds else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _chunks(literals: list[str], limit: int) -> Iterator[list[str]]:
    """Groups of literals whose encoded length together stays below `limit`; every group has at least one."""
    group: list[str] = []
    size = 0
    for literal in literals:
        length = len(urlencode({"": literal})) + 2
        if group and size + length > limit:
            yield group
            group, size = [], 0
        group.append(literal)
        size += length
    if group:
        yield group


def connect() -> Client:
    """The org that the environment names.

    Raises:
        Fatal: it names none.
    """
    shared = settings()
    # A simulated firm lives on virtual time; waiting on the wall would move nothing.
    wait = (lambda _seconds: None) if shared.firm == "sandbox" else wait_on_the_wall
    return Client(salesforce_settings(), shared.clock(), wait)
