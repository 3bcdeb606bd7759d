"""A NetSuite account: token-based authentication, SuiteQL and the record API, over the firm's books.

What is imitated, and where its rules are: signatures in `netsuite_parts/signature.py`, SuiteQL in `suiteql.py`, records
in `records.py`, error bodies in `answers.py`. Here are the addresses, paging, the limit on concurrent requests,
asynchronous requests with their idempotency key, and what happens to the books as time goes by.

Known differences from the real one: an asynchronous request is executed at once and only its answer says 202; the
user's time zone is GMT; `timeBill.hours` takes decimal hours as well as `H:MM` (which of the two a real account wants
was not verified); the words of the closed-period error follow the help pages and were not seen on a real account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common.clock import Clock, SystemClock
from sandbox.fakes.netsuite_parts import suiteql
from sandbox.fakes.netsuite_parts.answers import JSON, Refusal
from sandbox.fakes.netsuite_parts.records import Records, RecordType
from sandbox.fakes.netsuite_parts.schema import TABLES
from sandbox.fakes.netsuite_parts.signature import Credentials, Verifier
from sandbox.fakes.store import Store, iso
from sandbox.project import netsuite as books
from sandbox.project.row import Row
from sandbox.truth import Customer, Project, Truth

INDEXED: dict[str, tuple[str, ...]] = {
    "customer": ("externalid", "entityid"),
    "customersubsidiaryrelationship": ("entity",),
    "customrecord_billing_schedule": ("externalid",),
    "employee": ("externalid",),
    "timebill": ("externalid",),
    "transaction": ("entity",),
}
CREDENTIALS = Credentials(
    account="7654321_SB1",
    consumer_key="c0" * 32,
    consumer_secret="5e" * 32,
    token_id="70" * 32,
    token_secret="7e" * 32,
)
# Requests in flight that an account without further licences may have; `concurrency_limit` in the store overrides it.
CONCURRENCY = 15

_RECORDS = "/services/rest/record/v1"
_MOST_ROWS_A_PAGE = 1000


def environment(url: str) -> dict[str, str]:
    """The variables by which a client finds this account and signs in."""
    return {
        "THROUGHLINE_NETSUITE_URL": url,
        "THROUGHLINE_NETSUITE_ACCOUNT": CREDENTIALS.account,
        "THROUGHLINE_NETSUITE_CONSUMER_KEY": CREDENTIALS.consumer_key,
        "THROUGHLINE_NETSUITE_CONSUMER_SECRET": CREDENTIALS.consumer_secret,
        "THROUGHLINE_NETSUITE_TOKEN_ID": CREDENTIALS.token_id,
        "THROUGHLINE_NETSUITE_TOKEN_SECRET": CREDENTIALS.token_secret,
    }


def app(store: Store, clock: Clock, wall: Clock | None = None) -> Starlette:
    """The account's REST services.

    Args:
        clock: the firm's virtual time, which stamps what is written.
        wall: the machine's time, which signatures carry.
    """
    account = _Account(store, clock, wall or SystemClock())
    return Starlette(
        routes=[
            Route("/services/rest/query/v1/suiteql", account.guarded(account.query), methods=["POST"]),
            Route("/services/rest/system/v1/governanceLimits", account.guarded(account.limits), methods=["GET"]),
            Route("/services/rest/async/v1/job/{job}", account.guarded(account.job), methods=["GET"]),
            Route(_RECORDS + "/{kind}", account.guarded(account.create), methods=["POST"]),
            Route(
                _RECORDS + "/{kind}/{locator}",
                account.guarded(account.record),
                methods=["GET", "PUT", "PATCH", "DELETE"],
            ),
        ]
    )


Handler = Callable[[Request, bytes], Response]


class _Account:
    def __init__(self, store: Store, clock: Clock, wall: Clock) -> None:
        self._store = store
        self._clock = clock
        self._verifier = Verifier(CREDENTIALS, wall)
        self._records = Records(store, clock)
        self._in_flight = 0

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Signature first, then the limit on concurrent requests, then the request; refusals become error bodies."""

        async def endpoint(request: Request) -> Response:
            self._in_flight += 1
            try:
                self._verifier.check(
                    request.method,
                    request.url.scheme,
                    request.headers.get("host", ""),
                    request.scope.get("raw_path", request.url.path.encode()).decode(),
                    request.url.query,
                    request.headers,
                )
                if self._in_flight > self._store.setting("concurrency_limit", CONCURRENCY):
                    raise Refusal(
                        429,
                        "CONCURRENCY_LIMIT_EXCEEDED",
                        "Concurrent request limit exceeded. Request blocked.",
                    )
                return handler(request, await request.body())
            except Refusal as refusal:
                return refusal.response()
            except ClientDisconnect:
                return Response(status_code=400)
            finally:
                self._in_flight -= 1

        return endpoint

    # -- SuiteQL ------------------------------------------------------------------------------------------------

    def query(self, request: Request, body: bytes) -> Response:
        """`POST suiteql?limit&offset`."""
        if "transient" not in request.headers.get("prefer", ""):
            raise Refusal(
                400,
                "INVALID_HEADER",
                "The required request header 'Prefer' is missing or has a wrong value. Use 'Prefer: transient'.",
                where={"o:errorHeader": "Prefer"},
            )
        limit = _whole(request, "limit", _MOST_ROWS_A_PAGE)
        offset = _whole(request, "offset", 0)
        if not 1 <= limit <= _MOST_ROWS_A_PAGE:
            raise _parameter("limit", "The limit must be between 1 and 1000.")
        if offset % limit or offset >= suiteql.MOST_ROWS:
            raise _parameter("offset", "The offset must be divisible by the limit and less than 100000.")
        query = _object(body).get("q")
        if not isinstance(query, str):
            raise _parameter("q", "The request body must have the query in 'q'.")
        page = suiteql.run(query, limit, offset, self._store.rows)
        here = str(request.url.replace(query=""))
        more = offset + len(page.items) < page.total
        links = [{"rel": "self", "href": f"{here}?limit={limit}&offset={offset}"}]
        if more:
            links.insert(0, {"rel": "next", "href": f"{here}?limit={limit}&offset={offset + limit}"})
        if offset:
            links.insert(0, {"rel": "previous", "href": f"{here}?limit={limit}&offset={max(offset - limit, 0)}"})
        return _json(
            {
                "links": links,
                "count": len(page.items),
                "hasMore": more,
                "items": page.items,
                "offset": offset,
                "totalResults": page.total,
            }
        )

    def limits(self, request: Request, body: bytes) -> Response:
        """`GET governanceLimits`."""
        limit = self._store.setting("concurrency_limit", CONCURRENCY)
        return _json({"accountConcurrencyLimit": limit, "accountUnallocatedConcurrencyLimit": limit})

    # -- records ------------------------------------------------------------------------------------------------

    def create(self, request: Request, body: bytes) -> Response:
        """`POST {type}`."""
        kind = self._records.kind(request.path_params["kind"], write=True)
        return self._write(request, kind, lambda: self._records.save(kind, None, None, _object(body), _key(request)))

    def record(self, request: Request, body: bytes) -> Response:
        """One record: GET, PUT (upsert, by external id only), PATCH, DELETE."""
        kind = self._records.kind(request.path_params["kind"], write=request.method != "GET")
        locator = request.path_params["locator"]
        if request.method == "GET":
            return _json(self._records.show(kind, self._records.get(kind, locator), self._address(request)))
        if request.method == "DELETE":
            self._records.delete(kind, self._records.get(kind, locator), _key(request))
            return Response(status_code=204)
        lenient = request.headers.get("x-netsuite-propertynamevalidation", "error").lower() != "error"

        def save() -> str:
            if request.method == "PATCH":
                known = self._records.get(kind, locator)
                return self._records.save(kind, known, None, _object(body), _key(request), lenient=lenient)
            if not locator.startswith("eid:"):
                raise Refusal(400, "INVALID_ID", "PUT takes an external ID only: use eid:<external ID> in the address.")
            found = self._records.find(kind, locator)
            external = self._records.external_id(locator)
            return self._records.save(kind, found, external, _object(body), _key(request), lenient=lenient)

        return self._write(request, kind, save)

    def job(self, request: Request, body: bytes) -> Response:
        """`GET async/v1/job/{id}`."""
        job = self._store.get("#job", request.path_params["job"])
        if job is None:
            raise Refusal(404, "NONEXISTENT_ID", "The job does not exist.")
        return _json(job.record)

    def _write(self, request: Request, kind: RecordType, save: Callable[[], str]) -> Response:
        if "respond-async" in request.headers.get("prefer", ""):
            return self._write_later(request, kind, save)
        id_ = save()
        return Response(status_code=204, headers={"Location": f"{self._address(request)}/{kind.name}/{id_}"})

    def _write_later(self, request: Request, kind: RecordType, save: Callable[[], str]) -> Response:
        """Accept a request as a job. One idempotency key is executed once."""
        key = request.headers.get("x-netsuite-idempotency-key", "")
        jobs = f"{request.url.scheme}://{request.headers['host']}/services/rest/async/v1/job"
        before = self._store.setting(f"idempotency:{key}") if key else None
        if before:
            raise Refusal(
                400,
                "IDEMPOTENCY_ERROR",
                f"A request with the idempotency key {key} was already accepted.",
                title="Conflict",
                headers={"Location": f"{jobs}/{before}"},
            )
        with self._store.atomic():
            id_ = str(self._store.next_id("#job"))
            try:
                result = f"{self._address(request)}/{kind.name}/{save()}"
                job: dict[str, Any] = {"id": id_, "completed": True, "progress": "succeeded", "result": result}
            except Refusal as refusal:
                job = {"id": id_, "completed": True, "progress": "failed", "error": refusal.detail}
            self._store.put("#job", id_, job, self._clock.now())
            if key:
                self._store.set_setting(f"idempotency:{key}", id_)
        headers = {"Location": f"{jobs}/{id_}", "Preference-Applied": "respond-async"}
        return Response(status_code=202, headers=headers)

    @staticmethod
    def _address(request: Request) -> str:
        return f"{request.url.scheme}://{request.headers['host']}{_RECORDS}"


def _json(payload: Any) -> Response:
    return Response(msgspec.json.encode(payload), media_type=JSON)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refusal(400, "INVALID_CONTENT", "Invalid content in the request body.") from None


def _key(request: Request) -> str | None:
    return request.headers.get("x-netsuite-idempotency-key")


def _parameter(name: str, detail: str) -> Refusal:
    return Refusal(400, "INVALID_PARAMETER", detail, where={"o:errorQueryParam": name})


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit():
        raise _parameter(name, f"Invalid {name} '{text}'.")
    return int(text)


# -- the firm's life --------------------------------------------------------------------------------------------------


def load(store: Store, truth: Truth, at: datetime) -> None:
    """Fill an empty account with the firm's history."""
    store.put_many((row.object, row.id, row.record, row.modified) for row in books.project(truth, at))


def tick(store: Store, truth: Truth, since: datetime, until: datetime) -> int:
    """What happened in the firm in (since, until]. Records that came through the API stay as they are.

    Documents of projects that our platform created are entered once their billing schedule is there: it carries the
    PSA's id of the project. One that had to wait is stamped as entered at `until`, which is when it became visible.
    """
    begin = since.replace(microsecond=0)
    changed = [row for row in books.standing(truth, until) if row.modified >= begin]
    changed += [row for row in books.documents(truth, until, _Found(store, until)) if row.modified >= begin]
    waited = [
        _stamped(row, until)
        for row in books.documents(truth, until, _OnlyOurs(store, until))
        if row.modified < begin and store.get(row.object, row.id) is None
    ]
    return store.put_many(_news(store, [*changed, *waited]))


def _news(store: Store, rows: Iterable[Row]) -> Iterable[tuple[str, str, dict[str, Any], datetime]]:
    """The rows that differ from what the account has and are not the API's."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        stored = store.get(row.object, row.id)
        if (row.object, row.id) in seen or (stored and (stored.origin == "api" or stored.deleted)):
            continue
        seen.add((row.object, row.id))
        if stored is None or stored.record != row.record:
            yield row.object, row.id, row.record, row.modified


def _stamped(row: Row, at: datetime) -> Row:
    whole = at.replace(microsecond=0)
    stamp = TABLES[row.object].stamp
    record = {**row.record, stamp: iso(whole)[:19]} if stamp else row.record
    return Row(row.object, row.id, record, whole)


class _Found(books.Links):
    """Customers and projects as this account knows them, whoever created them."""

    def __init__(self, store: Store, at: datetime) -> None:
        self._store = store
        self._history = books.History(at)

    def customer(self, customer: Customer) -> str | None:
        found = self._store.find("customer", "externalid", books.customer_external_id(customer.id))
        return found[0].id if found else self._history.customer(customer)

    def project(self, project: Project) -> str | None:
        if project.created_at is not None or project.opportunity_id is None:
            return self._history.project(project)
        external = books.schedule_external_id(project.opportunity_id)
        found = self._store.find("customrecord_billing_schedule", "externalid", external)
        return found[0].record.get("custrecord_bs_project") if found else None


class _OnlyOurs(_Found):
    """As `_Found`, but only for projects that the firm did not create itself."""

    def project(self, project: Project) -> str | None:
        return super().project(project) if project.created_at is None else None
