"""One NetSuite account: signing, reading by SuiteQL, writing by the record API.

Reads follow a key (time of change, id) instead of a growing offset: SuiteQL ends at 100,000 rows, and an offset skips
rows when others change meanwhile. They are repeated where that helps; a write is one request and never repeated here.
What an answer means is decided in this module alone; callers see results and `systems.errors`.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256
from oauthlib.oauth1 import Client as Signer

from common.clock import Clock, SystemClock
from common.settings import settings
from systems.chains import side_by_side
from systems.errors import Fatal, InDoubt, OutsideError, PeriodClosed, Rejected, Retriable
from systems.http import Http, Response, redact, wait_on_the_wall
from systems.netsuite.queries import QUERIES, Query
from systems.netsuite.settings import NetSuiteSettings, netsuite_settings

SYSTEM = "netsuite"
# Rows of one SuiteQL page: the vendor's limit.
PAGE = 1000
# An external id travels in the address as `eid:<id>`; a `|` there would be read as a list.
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]+")

_SUITEQL = f"/services/rest/query/v1/suiteql?limit={PAGE}&offset=0"
_RECORDS = "/services/rest/record/v1"
_EMPTY_LINKS = b'{"links":[],'
# Refusals that say nothing about the record: the same may be sent again.
_BUSY = {
    "CONCURRENCY_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED",
    "EXCEEDED_CONCURRENT_REQUEST_LIMIT", "RCRD_HAS_BEEN_CHANGED",
}  # fmt: skip
# NetSuite has no code of its own for a closed or locked period: it says so in words.
_PERIOD = re.compile(r"(?i)(?:accounting|posting|time)\s+period.*\b(?:closed|locked|not open)\b|"
                     r"not within an open accounting period|period is (?:closed|locked)|closed period")  # fmt: skip


class _Page(msgspec.Struct):
    """The envelope of a SuiteQL page; rows stay the bytes that they are."""

    items: list[msgspec.Raw]
    count: int
    hasMore: bool  # noqa: N815 - the vendor's name


@dataclass(frozen=True)
class Written:
    """A record that was saved: its internal id."""

    native_id: str


class Client:
    """Talks to one account. Safe for threads.

    Args:
        config: the account's address and credentials.
        clock: dates of `Retry-After` are read against it.
        wait: what to do between attempts of a read.
        wall: the machine's time, which signatures carry; an account refuses one that is minutes off.
    """

    def __init__(
        self,
        config: NetSuiteSettings,
        clock: Clock,
        wait: Callable[[float], None] = wait_on_the_wall,
        wall: Clock | None = None,
    ) -> None:
        self.instance = config.instance
        self._config = config
        self._clock = clock
        self._wall = wall or SystemClock()
        self._http = Http(
            SYSTEM, config.url, timeout=config.timeout, pool=2 * config.concurrency, ca_file=config.ca_file, wait=wait
        )
        # The account counts requests in flight, so the client does too.
        self._slots = threading.BoundedSemaphore(config.concurrency)
        self._base = config.url.rstrip("/")

    # -- reading ----------------------------------------------------------------------------------------------

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of the object `name` (a key of `QUERIES`) as NDJSON. Values are text, empty columns are absent.

        With `since`, the rows changed at or after it; an object without a time of change is read whole.

        Raises:
            Fatal: the account lacks the table or a column, refuses the query, or a page can't be read.
        """
        spec = _query(name)
        bounds = [spec.since(since)] if since is not None and spec.stamp else []
        columns = list(dict.fromkeys([*fields, *spec.order()]))
        parts = min(self._config.concurrency, 4) if spec.large and since is None else 1
        if parts == 1:
            chains = [self._chain(spec, columns, bounds)]
        else:
            chains = [self._chain(spec, columns, [*bounds, spec.part(n, parts)]) for n in range(parts)]
        for page in side_by_side(chains):
            yield b"\n".join(_without_links(row) for row in page)

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that exist now: the columns of the object's key, joined by `|`."""
        spec = _query(name)
        for page in self._chain(spec, list(spec.key), [], by_stamp=False):
            rows = [msgspec.json.decode(row, type=dict[str, Any]) for row in page]
            yield ["|".join(str(row[column]) for column in spec.key) for row in rows]

    def lookup(self, name: str, key: str) -> dict[str, str]:
        """The internal id of every row of a small table, by one of its columns (currency by symbol).

        Raises:
            Fatal: as `read`.
        """
        found: dict[str, str] = {}
        for page in self.read(name, None, ["id", key]):
            for line in page.split(b"\n"):
                row = msgspec.json.decode(line, type=dict[str, str])
                if key in row:
                    found[row[key]] = row["id"]
        return found

    def _chain(
        self, spec: Query, columns: list[str], bounds: list[str], *, by_stamp: bool = True
    ) -> Iterator[list[msgspec.Raw]]:
        """All pages of a query, each beginning after the last row of the one before."""
        after: list[str] = []
        last = ""
        while True:
            page = self._page(spec.select(columns, [*bounds, *after], by_stamp=by_stamp))
            if page.count != len(page.items):
                raise _unreadable(f"a page of {spec.source} announces {page.count} rows and has {len(page.items)}")
            if page.items:
                yield page.items
            if not page.hasMore:
                return
            if not page.items:
                raise _unreadable(f"a page of {spec.source} says that there are more rows and has none")
            row = msgspec.json.decode(page.items[-1], type=dict[str, Any])
            try:
                following = spec.after(row, by_stamp=by_stamp)
            except (KeyError, ValueError) as error:
                raise _unreadable(f"a row of {spec.source} has no usable {error}") from error
            if following == last:
                raise _unreadable(f"the same page of {spec.source} came twice")
            after, last = [following], following

    def _page(self, query: str) -> _Page:
        body = msgspec.json.encode({"q": query})

        def send() -> Response:
            return self._send("POST", _SUITEQL, body=body, write=False, extra={"Prefer": "transient"})

        answer = self._http.read_retrying(send, lambda given: self._judge(given, write=False))
        try:
            return msgspec.json.decode(answer.body, type=_Page)
        except msgspec.DecodeError as error:
            raise _unreadable(str(error)) from error

    # -- single records ---------------------------------------------------------------------------------------

    def get(self, record_type: str, external_id: str) -> dict[str, Any] | None:
        """The record as it is now, asked by its external id; None where there is none.

        Raises:
            Fatal: the account can't answer.
        """
        path = self._path(record_type, external_id)
        missing: list[bool] = []

        def judge(answer: Response) -> Exception | None:
            missing[:] = [answer.status == 404 and _refusal(answer)[0] == "NONEXISTENT_ID"]
            return None if missing[0] else self._judge(answer, write=False)

        answer = self._http.read_retrying(lambda: self._send("GET", path, write=False), judge)
        if missing[0]:
            return None
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _unreadable(str(error)) from error

    def upsert(
        self, record_type: str, external_id: str, body: Mapping[str, Any], request_id: str | None = None
    ) -> Written:
        """Create or change the record with this external id, in one request. A null clears a field.

        Args:
            request_id: sent as the idempotency key. NetSuite heeds it on asynchronous requests only; on these it is
                for the trail.

        Raises:
            Rejected: the record was refused for its content (PeriodClosed: its accounting period takes nothing).
            Retriable: nothing was executed.
            InDoubt: no whole answer.
            Fatal: credentials, permissions, an unknown record type; nothing was executed.
        """
        path = self._path(record_type, external_id)
        answer = self._send("PUT", path, body=msgspec.json.encode(body), write=True, extra=_for_the_trail(request_id))
        fault = self._judge(answer, write=True, record=external_id)
        if fault is not None:
            raise fault
        native = answer.headers.get("Location", "").rstrip("/").rpartition("/")[2]
        if not native:
            raise InDoubt(SYSTEM, "the answer to a write does not say which record it saved; it was executed")
        return Written(native)

    def update(
        self,
        record_type: str,
        native_id: str,
        external_id: str,
        body: Mapping[str, Any],
        request_id: str | None = None,
    ) -> Written:
        """Change the record with this internal id, which then has `external_id` whatever it had before. A null clears
        a field. The same request again has no second effect.

        Raises:
            Rejected: as `upsert`; code `absent` where there is no such record, and refused too where another record
                has the external id.
            Retriable, InDoubt, Fatal: as `upsert`.
        """
        _checked(external_id)
        path = f"{_RECORDS}/{quote(record_type)}/{quote(native_id, safe='')}"
        content = msgspec.json.encode({**body, "externalId": external_id})
        answer = self._send("PATCH", path, body=content, write=True, extra=_for_the_trail(request_id))
        fault = self._judge(answer, write=True, record=external_id)
        if isinstance(fault, Rejected) and answer.status == 404:
            raise Rejected(
                SYSTEM,
                f"there is no {record_type} {native_id} any more; find out who deleted or merged it",
                record=external_id,
                code="absent",
            )
        if fault is not None:
            raise fault
        return Written(native_id)

    def upsert_later(self, record_type: str, external_id: str, body: Mapping[str, Any], request_id: str) -> str:
        """As `upsert`, but as a job: returns the job's address as soon as NetSuite has accepted it.

        An idempotency key that was accepted before is no error: the answer names the first job, and so does this.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `upsert`.
        """
        extra = {"Prefer": "respond-async", "X-NetSuite-Idempotency-Key": request_id}
        path = self._path(record_type, external_id)
        answer = self._send("PUT", path, body=msgspec.json.encode(body), write=True, extra=extra)
        accepted = answer.status == 202 or (answer.status == 400 and _refusal(answer)[0] == "IDEMPOTENCY_ERROR")
        fault = None if accepted else self._judge(answer, write=True, record=external_id)
        if fault is not None:
            raise fault
        job = answer.headers.get("Location", "")
        if not job:
            raise InDoubt(SYSTEM, "a job was accepted but the answer does not say where it is")
        return job

    def delete(self, record_type: str, external_id: str) -> None:
        """Delete the record with this external id.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `upsert`; a record that is not there is Rejected.
        """
        answer = self._send("DELETE", self._path(record_type, external_id), write=True)
        fault = self._judge(answer, write=True, record=external_id)
        if fault is not None:
            raise fault

    # -- one call ---------------------------------------------------------------------------------------------

    @staticmethod
    def _path(record_type: str, external_id: str) -> str:
        return f"{_RECORDS}/{quote(record_type)}/eid:{_checked(external_id)}"

    def _send(
        self, method: str, path: str, *, write: bool, body: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> Response:
        """One signed request."""
        url = self._base + path
        config = self._config
        signer = Signer(
            config.consumer_key,
            client_secret=config.consumer_secret.get_secret_value(),
            resource_owner_key=config.token_id,
            resource_owner_secret=config.token_secret.get_secret_value(),
            signature_method=SIGNATURE_HMAC_SHA256,
            realm=config.account,
            nonce=secrets.token_hex(16),
            timestamp=str(int(self._wall.now().timestamp())),
        )
        _, headers, _ = signer.sign(url, http_method=method)
        headers = {**headers, "Accept": "application/json", **(extra or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._slots:
            return self._http.request(method, url, headers=headers, body=body, write=write)

    def _judge(  # noqa: PLR0911 - one return a meaning
        self, answer: Response, *, write: bool, record: str | None = None
    ) -> OutsideError | None:
        """What an answer means; None for a good one."""
        if answer.status in (200, 202, 204):
            return None
        code, text, where = _refusal(answer)
        said = f"{answer.status} {code}: {text}".strip()
        if answer.status == 429 or code in _BUSY or (answer.status == 503 and "Retry-After" in answer.headers):
            return Retriable(SYSTEM, said, after=answer.retry_after(self._clock.now()), code=code)
        if answer.status >= 500:
            return InDoubt(SYSTEM, said, code=code) if write else Retriable(SYSTEM, said, code=code)
        if answer.status == 401:
            return Fatal(
                SYSTEM,
                "the signature was refused. Check THROUGHLINE_NETSUITE_ACCOUNT, _CONSUMER_KEY, _CONSUMER_SECRET, "
                f"_TOKEN_ID and _TOKEN_SECRET, the machine's clock, and NetSuite's login audit trail ({said}).",
                code=code,
            )
        if answer.status == 403 or code in ("INSUFFICIENT_PERMISSION", "NONEXISTENT_RECORD_TYPE"):
            return Fatal(
                SYSTEM, f"the integration's role may not do this, or there is no such type ({said}).", code=code
            )
        if write and _PERIOD.search(text):
            return PeriodClosed(SYSTEM, f"its accounting period takes nothing ({said})", record=record, code=code)
        if write:
            return Rejected(SYSTEM, said, record=record, field=where, code=code)
        return Fatal(
            SYSTEM, f"the account does not have what was asked for, or not under this name ({said}).", code=code
        )


def _checked(external_id: str) -> str:
    """An external id that NetSuite takes.

    Raises:
        Rejected: it is none.
    """
    if not EXTERNAL_ID.fullmatch(external_id):
        raise Rejected(
            SYSTEM,
            f"'{external_id}' can't be an external id: letters, digits, underscore and hyphen only",
            record=external_id,
            field="externalId",
        )
    return external_id


def _for_the_trail(request_id: str | None) -> dict[str, str]:
    """Headers of a write: refuse what isn't a field, and the id of the request."""
    headers = {"X-NetSuite-PropertyNameValidation": "error"}
    return {**headers, "X-NetSuite-Idempotency-Key": request_id} if request_id else headers


def _query(name: str) -> Query:
    if name not in QUERIES:
        raise Fatal(SYSTEM, f"nothing is known about reading '{name}'; add it to systems/netsuite/queries.py.")
    return QUERIES[name]


def _refusal(answer: Response) -> tuple[str, str, str | None]:
    """The first error's code, text and field, whatever shape the body has."""
    try:
        body = answer.json()
        first = body["o:errorDetails"][0]
        where = first.get("o:errorPath")
        return str(first.get("o:errorCode", "")), redact(str(first.get("detail", ""))), str(where) if where else None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", redact(answer.text, 200), None


def _unreadable(why: str) -> Fatal:
    return Fatal(
        SYSTEM,
        f"an answer can't be read ({why}). Nothing of it was kept; run again, and if it happens again look at what "
        "stands between us and the account (proxy, gateway).",
    )


def _without_links(row: msgspec.Raw) -> bytes:
    """A row's JSON without its `links`, which SuiteQL puts first and leaves empty; on one line."""
    raw = bytes(row)
    if raw.startswith(_EMPTY_LINKS) and b"\n" not in raw:
        return b"{" + raw[len(_EMPTY_LINKS) :]
    record = msgspec.json.decode(raw)
    record.pop("links", None)
    return msgspec.json.encode(record)


def connect() -> Client:
    """The account that the environment names.

    Raises:
        Fatal: it names none.
    """
    shared = settings()
    # A simulated firm lives on virtual time; waiting on the wall would move nothing.
    wait = (lambda _seconds: None) if shared.firm == "sandbox" else wait_on_the_wall
    return Client(netsuite_settings(), shared.clock(), wait)
