"""A Salesforce org over HTTP: queries with locators, records by id and external id, composite requests, limits.

Speaks what the vendor documents of `/services/oauth2`, `/services/Soap/u` (login only) and `/services/data`. Tokens run
out, each call counts against the day's limit, and every refusal has the vendor's status and body. How to sign in is
`salesforce_login.py`, what may be stored `salesforce_records.py`, what a query means `soql.py`, what the org has
`salesforce_objects.py`.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.clock import Clock
from sandbox.fakes import soql
from sandbox.fakes.salesforce_login import CLIENT_ID, CLIENT_SECRET, VERSION, Answer, Sessions
from sandbox.fakes.salesforce_objects import OBJECTS, Object, find_object
from sandbox.fakes.salesforce_records import WRITTEN, Ambiguous, BodyError, Records, RowError
from sandbox.fakes.store import Store
from sandbox.project.salesforce import instant, project, record_id
from sandbox.truth import Truth

DAILY_LIMIT = 100_000
PAGE = 2000
MAX_LOCATORS = 10
MAX_COLLECTION = 200
MAX_COMPOSITE = 25
MAX_ADDRESS = 16_384

INDEXED: dict[str, tuple[str, ...]] = {
    name: tuple(f.name for f in o.fields.values() if f.external_id)
    for name, o in OBJECTS.items()
    if any(f.external_id for f in o.fields.values())
}


@dataclass(frozen=True)
class Call:
    """One call below `/services/data/vXX.0`: a request of its own or a part of a composite one."""

    method: str
    path: str
    params: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    used: int = 0  # calls of this day, this one included

    @property
    def request_id(self) -> str | None:
        """The caller's own name for the request, where it gave one."""
        return self.headers.get("x-request-id")


class Refusal(Exception):
    """The call is refused as a whole."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(message)
        item: dict[str, Any] = {"message": message, "errorCode": code}
        if fields is not None:
            item["fields"] = fields
        self.answer = Answer(status, [item])


class _RolledBack(Exception):
    """Undoes what a request with allOrNone has done so far."""


class Org:
    """The org behind the addresses."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.sessions = Sessions(store, clock)
        self._records = Records(store, clock)
        self._locators: OrderedDict[str, tuple[soql.Query, list[str]]] = OrderedDict()
        self._lock = threading.Lock()
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            ("GET", re.compile(r"query(?P<all>All)?/?"), self._query),
            ("GET", re.compile(r"query(?:All)?/(?P<locator>\w+)-(?P<at>\d+)"), self._query_more),
            ("GET", re.compile(r"limits/?"), self._limits),
            ("GET", re.compile(r"sobjects/?"), self._describe_global),
            ("GET", re.compile(r"sobjects/(?P<name>\w+)/describe/?"), self._describe),
            ("GET", re.compile(r"sobjects/(?P<name>\w+)/deleted/?"), self._deleted),
            ("POST", re.compile(r"sobjects/(?P<name>\w+)/?"), self._create),
            ("GET|PATCH|DELETE", re.compile(r"sobjects/(?P<name>\w+)/(?P<id>\w+)"), self._by_id),
            ("GET|PATCH", re.compile(r"sobjects/(?P<name>\w+)/(?P<key>\w+)/(?P<value>[^/]+)"), self._by_key),
            ("POST", re.compile(r"composite/?"), self._composite),
            ("POST|PATCH", re.compile(r"composite/sobjects/?"), self._collection),
            ("PATCH", re.compile(r"composite/sobjects/(?P<name>\w+)/(?P<key>\w+)/?"), self._collection_upsert),
        ]

    # -- calls ------------------------------------------------------------------------------------------------

    def call(self, call: Call) -> Answer:
        """One counted call of a signed-in client."""
        if not self.sessions.signed_in(call.headers):
            return Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid").answer
        limit = int(self._store.setting("api_limit", DAILY_LIMIT))
        used = self._store.next_id(f"#calls:{self._clock.now():%Y-%m-%d}")
        answer = (
            self._dispatch(replace(call, used=used))
            if used <= limit
            else Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").answer
        )
        answer.headers["Sforce-Limit-Info"] = f"api-usage={min(used, limit)}/{limit}"
        return answer

    def _dispatch(self, call: Call) -> Answer:
        known_path = False
        try:
            for methods, pattern, serve in self._routes:
                match = pattern.fullmatch(call.path)
                if match is None:
                    continue
                known_path = True
                if call.method in methods.split("|"):
                    return serve(call, **{k: unquote(v) if v else v for k, v in match.groupdict().items()})
        except Refusal as refusal:
            return refusal.answer
        except RowError as error:
            status = 404 if error.code in ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY") else 400
            return Refusal(status, error.code, error.message, error.fields).answer
        except BodyError as error:
            return Refusal(400, "JSON_PARSER_ERROR", f"{error} at [line:1, column:1]").answer
        if known_path:
            return Refusal(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.").answer
        return Refusal(404, "NOT_FOUND", "The requested resource does not exist").answer

    def _query(self, call: Call, all: str | None) -> Answer:  # noqa: A002 - the route's own word
        try:
            query = soql.parse(call.params.get("q", ""))
        except soql.SoqlError as error:
            raise Refusal(400, error.code, error.message) from error
        rows = self._store.bodies(
            query.object.name,
            where=query.where,
            params=query.params,
            order=query.order,
            limit=query.limit,
            offset=query.offset,
            with_deleted=all is not None,
        )
        if query.counting:
            return Answer(200, {"totalSize": len(rows), "done": True, "records": []})
        bodies = [body for _, body in rows]
        locator = record_id("01g", self._store.next_id("#locator"))
        option = re.search(r"batchSize=(\d+)", call.headers.get("sforce-query-options", ""))
        size = min(max(int(option.group(1)), 200), PAGE) if option else PAGE
        if len(bodies) > size:
            with self._lock:
                self._locators[locator] = (query, bodies)
                while len(self._locators) > MAX_LOCATORS:
                    self._locators.popitem(last=False)
        return _page(query, bodies, 0, size, locator)

    def _query_more(self, _call: Call, locator: str, at: str) -> Answer:
        with self._lock:
            held = self._locators.get(locator)
        start = int(at)
        if held is None or not 0 < start < len(held[1]):
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(*held, start, PAGE, locator)

    def _limits(self, call: Call) -> Answer:
        limit = int(self._store.setting("api_limit", DAILY_LIMIT))
        return Answer(200, {"DailyApiRequests": {"Max": limit, "Remaining": limit - call.used}})

    def _describe_global(self, _call: Call) -> Answer:
        described = [o.described(with_fields=False) for o in OBJECTS.values()]
        return Answer(200, {"encoding": "UTF-8", "maxBatchSize": MAX_COLLECTION, "sobjects": described})

    def _describe(self, _call: Call, name: str) -> Answer:
        return Answer(200, _object(name).described())

    def _deleted(self, call: Call, name: str) -> Answer:
        on = _object(name)
        now = self._clock.now()
        try:
            start, end = (datetime.fromisoformat(call.params[k]).astimezone(UTC) for k in ("start", "end"))
        except (KeyError, ValueError) as error:
            raise Refusal(400, "INVALID_REPLICATION_DATE", "start and end must be ISO 8601 timestamps") from error
        if start < now - timedelta(days=30):
            raise Refusal(400, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days in the past")
        if end <= start:
            raise Refusal(400, "INVALID_REPLICATION_DATE", "endDate must be after startDate")
        gone = [
            {"id": row.id, "deletedDate": row.record["SystemModstamp"]}
            for row in self._store.deleted_since(on.name, start)
            if row.record["SystemModstamp"] <= instant(end)
        ]
        return Answer(
            200,
            {
                "deletedRecords": gone,
                "earliestDateAvailable": instant(now - timedelta(days=30)),
                "latestDateCovered": instant(min(end, now)),
            },
        )

    # -- single records ---------------------------------------------------------------------------------------

    def _create(self, call: Call, name: str) -> Answer:
        new_id = self._records.create(_object(name), _fields(call.body), call.request_id)
        return Answer(201, {"id": new_id, "success": True, "errors": []})

    def _by_id(self, call: Call, name: str, id: str) -> Answer:  # noqa: A002 - the route's own word
        on = _object(name)
        if call.method == "GET":
            return Answer(200, _shown(on, self._found(on, id).record, call.params.get("fields")))
        if call.method == "PATCH":
            self._records.update(on, id, _fields(call.body), call.request_id)
        else:
            self._records.delete(on, id, call.request_id)
        return Answer(204)

    def _found(self, on: Object, id_: str) -> Any:
        try:
            return self._records.get(on, id_)
        except RowError as error:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist") from error

    def _by_key(self, call: Call, name: str, key: str, value: str) -> Answer:
        on = _object(name)
        if key.lower() == "id":
            return self._by_id(call, name, value)
        by = on.field(key)
        if by is None or not by.external_id:
            raise Refusal(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {key}")
        if call.method == "GET":
            found = self._store.find(on.name, by.name, value)
            if not found:
                raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
            if len(found) > 1:
                return self._several(on, [stored.id for stored in found])
            return Answer(200, _shown(on, found[0].record, call.params.get("fields")))
        try:
            new_id, created = self._records.upsert(on, by, value, _fields(call.body), call.request_id)
        except Ambiguous as ambiguous:
            return self._several(on, ambiguous.ids)
        return Answer(201 if created else 200, {"id": new_id, "success": True, "errors": [], "created": created})

    @staticmethod
    def _several(on: Object, ids: list[str]) -> Answer:
        return Answer(300, [f"/services/data/v{VERSION}/sobjects/{on.name}/{id_}" for id_ in ids])

    # -- many records -----------------------------------------------------------------------------------------

    def _collection(self, call: Call) -> Answer:
        """Create (POST) or update by Id (PATCH) up to 200 records of any objects."""
        items, all_or_none = _items(call.body)

        def save(item: Mapping[str, Any]) -> dict[str, Any]:
            on = _object_of(item)
            given = {k: v for k, v in item.items() if k.lower() not in ("attributes", "id")}
            if call.method == "POST":
                return {"id": self._records.create(on, given, call.request_id), "success": True, "errors": []}
            own_id = next((v for k, v in item.items() if k.lower() == "id"), None)
            if not isinstance(own_id, str):
                raise RowError("MISSING_ARGUMENT", "Id not specified in an update call")
            self._records.update(on, own_id, given, call.request_id)
            return {"id": soql.with_check(own_id), "success": True, "errors": []}

        return Answer(200, self._each(items, all_or_none, save))

    def _collection_upsert(self, call: Call, name: str, key: str) -> Answer:
        """Upsert up to 200 records of one object. Two items with one key are both refused."""
        on = _object(name)
        by = on.field(key)
        if by is None or not (by.external_id or by.name == "Id"):
            raise Refusal(400, "INVALID_FIELD", f"Field name provided, {key} is not an External ID or indexed field")
        items, all_or_none = _items(call.body)
        values = [next((v for k, v in item.items() if k.lower() == by.name.lower()), None) for item in items]
        for item in items:
            if _object_of(item).name != on.name:
                raise Refusal(400, "INVALID_INPUT", f"all records must be of type {on.name}")

        def save(item: Mapping[str, Any]) -> dict[str, Any]:
            value = next((v for k, v in item.items() if k.lower() == by.name.lower()), None)
            if value is not None and values.count(value) > 1:
                raise RowError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [by.name])
            given = {k: v for k, v in item.items() if k.lower() not in ("attributes", by.name.lower())}
            if by.name == "Id":
                if value is None:
                    done, created = self._records.create(on, given, call.request_id), True
                else:
                    self._records.update(on, str(value), given, call.request_id)
                    done, created = soql.with_check(str(value)), False
            else:
                done, created = self._records.upsert(on, by, value, given, call.request_id)
            return {"id": done, "success": True, "errors": [], "created": created}

        return Answer(200, self._each(items, all_or_none, save))

    def _each(
        self,
        items: list[Mapping[str, Any]],
        all_or_none: bool,
        save: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> list[dict[str, Any]]:
        """One result an item, in order. The request is one transaction: a body that can't be read undoes all of it."""
        results: list[dict[str, Any]] = []
        try:
            with self._store.atomic():
                for item in items:
                    try:
                        results.append(save(item))
                    except RowError as error:
                        results.append({"success": False, "errors": [error.body()]})
                    except Ambiguous as ambiguous:
                        text = f"More than one record found for external id field: {ambiguous.ids}"
                        results.append({"success": False, "errors": [RowError("DUPLICATE_EXTERNAL_ID", text).body()]})
                if all_or_none and not all(result["success"] for result in results):
                    raise _RolledBack
        except _RolledBack:
            undone = RowError(
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
            )
            return [r if not r["success"] else {"success": False, "errors": [undone.body()]} for r in results]
        return results

    def _composite(self, call: Call) -> Answer:
        """Up to 25 calls in order; later ones may use values of earlier answers as `@{reference.field}`."""
        parts = call.body.get("compositeRequest") if isinstance(call.body, dict) else None
        if not isinstance(parts, list) or not parts:
            raise Refusal(400, "INVALID_INPUT", "compositeRequest is missing")
        if len(parts) > MAX_COMPOSITE:
            raise Refusal(400, "LIMIT_EXCEEDED", f"The limit of {MAX_COMPOSITE} subrequests is exceeded")
        answers: list[dict[str, Any]] = []
        known: dict[str, Any] = {}
        failed = False
        try:
            with self._store.atomic():
                for part in parts:
                    answer = self._part(part, known, call)
                    known[part["referenceId"]] = answer.body
                    answers.append(_composite_item(part, answer))
                    failed = failed or answer.status >= 400
                if failed and call.body.get("allOrNone"):
                    raise _RolledBack
        except _RolledBack:
            halted = Refusal(
                400,
                "PROCESSING_HALTED",
                "The transaction was rolled back since another operation in the same transaction failed.",
            ).answer
            answers = [
                item if item["httpStatusCode"] >= 400 else _composite_item(part, halted)
                for part, item in zip(parts, answers, strict=True)
            ]
        return Answer(200, {"compositeResponse": answers})

    def _part(self, part: Any, known: Mapping[str, Any], call: Call) -> Answer:
        if not isinstance(part, dict) or not {"method", "url", "referenceId"} <= part.keys():
            raise Refusal(400, "INVALID_INPUT", "a subrequest needs method, url and referenceId")
        missing: list[str] = []

        def fill(match: re.Match[str]) -> str:
            value: Any = known.get(match.group(1))
            for step in match.group(2).split("."):
                value = value.get(step) if isinstance(value, dict) else None
            if value is None:
                missing.append(match.group(0))
            return str(value)

        filled = json.loads(re.sub(r"@\{(\w+)\.([\w.]+)\}", fill, json.dumps([part["url"], part.get("body")])))
        if missing:
            return Refusal(400, "PROCESSING_HALTED", f"Invalid reference specified. {missing[0]} not found").answer
        address = urlsplit(filled[0])
        params = {k: v[-1] for k, v in parse_qs(address.query).items()}
        match = _DATA.fullmatch(address.path)
        path = match.group(1) if match else "-"
        return self._dispatch(Call(part["method"], path, params, filled[1], call.headers, call.used))


_DATA = re.compile(r"/services/data/v\d\d\.0/(.+)")


def _object(name: str) -> Object:
    found = find_object(name)
    if found is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    return found


def _object_of(item: Mapping[str, Any]) -> Object:
    attributes = item.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    found = find_object(str(name)) if name else None
    if found is None:
        raise Refusal(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return found


def _fields(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BodyError("The HTTP entity body is required, but this request has no entity body")
    return {k: v for k, v in body.items() if k != "attributes"}


def _items(body: Any) -> tuple[list[Mapping[str, Any]], bool]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise Refusal(400, "INVALID_INPUT", "records is missing")
    if len(records) > MAX_COLLECTION:
        raise Refusal(400, "LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {MAX_COLLECTION} records")
    return records, bool(body.get("allOrNone", False))


def _shown(on: Object, record: Mapping[str, Any], wanted: str | None = None) -> dict[str, Any]:
    names = [n.strip() for n in wanted.split(",")] if wanted else list(on.fields)
    shown: dict[str, Any] = {"attributes": _attributes(on, record["Id"])}
    for name in names:
        found = on.field(name)
        if found is None:
            raise Refusal(400, "INVALID_FIELD", f"No such column '{name}' on entity '{on.name}'")
        shown[found.name] = record.get(found.name)
    return shown


def _attributes(on: Object, id_: str) -> dict[str, str]:
    return {"type": on.name, "url": f"/services/data/v{VERSION}/sobjects/{on.name}/{id_}"}


def _page(query: soql.Query, bodies: list[str], start: int, size: int, locator: str) -> Answer:
    records = []
    for body in bodies[start : start + size]:
        record = msgspec.json.decode(body)
        records.append({"attributes": _attributes(query.object, record["Id"])} | {n: record[n] for n in query.fields})
    more = start + size < len(bodies)
    answer: dict[str, Any] = {"totalSize": len(bodies), "done": not more}
    if more:
        answer["nextRecordsUrl"] = f"/services/data/v{VERSION}/query/{locator}-{start + size}"
    return Answer(200, {**answer, "records": records})


def _composite_item(part: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    return {
        "body": answer.body,
        "httpHeaders": {},
        "httpStatusCode": answer.status,
        "referenceId": part["referenceId"],
    }


# -- what the server asks of every fake ---------------------------------------------------------------------------


def app(store: Store, clock: Clock) -> Starlette:
    """The org as a web application."""
    org = Org(store, clock)

    async def serve(request: Request) -> Response:
        raw = await request.body()
        base = f"{request.url.scheme}://{request.url.netloc}"
        answer = await run_in_threadpool(_route, org, request, raw, base)
        if answer.body is None:
            return Response(status_code=answer.status, headers=answer.headers)
        text = answer.body if isinstance(answer.body, str) else msgspec.json.encode(answer.body)
        return Response(text, answer.status, answer.headers, media_type=answer.type)

    methods = ["GET", "POST", "PATCH", "DELETE", "PUT"]
    return Starlette(routes=[Route("/{path:path}", serve, methods=methods)])


def _route(org: Org, request: Request, raw: bytes, base: str) -> Answer:
    path = request.scope.get("raw_path", request.url.path.encode()).decode().partition("?")[0]
    if len(path) + len(request.url.query) > MAX_ADDRESS:
        return Refusal(414, "URI_TOO_LONG", "URI Too Long").answer
    if path == "/services/oauth2/token" and request.method == "POST":
        form = {k: v[-1] for k, v in parse_qs(raw.decode()).items()}
        return org.sessions.token(form, request.headers.get("authorization"), base)
    if path.startswith("/services/Soap/u/") and request.method == "POST":
        return org.sessions.soap_login(raw.decode(), base)
    if path.rstrip("/") == "/services/data":
        return Answer(200, [{"label": "Summer '24", "url": f"/services/data/v{VERSION}", "version": VERSION}])
    match = _DATA.fullmatch(path)
    body: Any = None
    if raw:
        try:
            body = json.loads(raw)
        except ValueError:
            return Refusal(400, "JSON_PARSER_ERROR", "The HTTP entity body is not JSON at [line:1, column:1]").answer
    headers = {k.lower(): v for k, v in request.headers.items()}
    return org.call(Call(request.method, match.group(1) if match else "-", request.query_params, body, headers))


def load(store: Store, truth: Truth, at: datetime) -> None:
    """Fill the org with what the firm had by `at`."""
    store.put_many((row.object, row.id, row.record, row.modified) for row in project(truth, at))


def tick(store: Store, truth: Truth, since: datetime, until: datetime) -> int:
    """Let the firm's people work from `since` to `until`. Fields that API clients wrote stay as they are."""
    changed = 0
    for row in project(truth, until):
        if row.modified <= since:
            continue
        record, modified = dict(row.record), row.modified
        known = store.get(row.object, row.id)
        if known is not None:
            if known.deleted:
                continue
            written = store.get(WRITTEN, f"{row.object}/{row.id}")
            record |= {n: known.record[n] for n in (written.record["fields"] if written else ())}
            stamp = max(record["SystemModstamp"], known.record["SystemModstamp"])
            record["SystemModstamp"] = stamp
            if "LastModifiedDate" in record:
                record["LastModifiedDate"] = stamp
            modified = max(modified, datetime.fromisoformat(stamp))
        store.put(row.object, row.id, record, modified)
        changed += 1
    return changed


def environment(url: str) -> dict[str, str]:
    """The variables that `systems/salesforce/settings.py` reads."""
    return {
        "THROUGHLINE_SALESFORCE_URL": url,
        "THROUGHLINE_SALESFORCE_CLIENT_ID": CLIENT_ID,
        "THROUGHLINE_SALESFORCE_CLIENT_SECRET": CLIENT_SECRET,
    }
