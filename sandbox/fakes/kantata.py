"""Kantata OX over HTTP: lists and shows, workspaces and what hangs on them written, and its traps.

Traps kept on purpose: association ids appear only where the association is included; `only` and filters never answer
404; archived workspaces hide by default; deletes are hard; nothing makes a POST idempotent, so the same body twice
makes two records; 429 tells no waiting time; a text filter on custom fields finds parts of values; the account's own
time zone in every instant. A query parameter or field that OX does not document is refused, which OX may not do: a
typo must not pass here. What OX has of each object is in `kantata_objects.py`, the writing in `kantata_writes.py`, the
firm's life on it in `kantata_life.py`.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.clock import Clock
from sandbox.fakes.kantata_life import tick
from sandbox.fakes.kantata_objects import OBJECTS, Object, Sql
from sandbox.fakes.kantata_writes import Refused, Writes
from sandbox.fakes.store import Store
from sandbox.project.kantata import project
from sandbox.truth import Truth

__all__ = ["INDEXED", "TOKEN", "app", "created_keys", "environment", "load", "tick"]

TOKEN = "sandbox-kantata-token"  # noqa: S105 - opens the simulated firm only
MAX_PER_PAGE = 200
DEFAULT_PER_PAGE = 20
_KEPT_LISTINGS = 64
INDEXED: dict[str, tuple[str, ...]] = {
    "time_entries": ("date_performed", "workspace_id"),
    "workspace_status_changes": ("workspace_id",),
    "stories": ("workspace_id",),
    "custom_field_values": ("subject_id",),
    "external_references": ("subject_id",),
}
_PAGING = {"page", "per_page", "limit", "offset", "include", "order", "optional_fields"}


def load(store: Store, truth: Truth, at: datetime) -> None:
    """Fill with everything that the firm's people had entered by `at`."""
    store.put_many((row.object, row.id, row.record, row.modified) for row in project(truth, at))


def environment(url: str) -> dict[str, str]:
    """The variables that `systems/kantata/settings.py` reads."""
    return {"THROUGHLINE_KANTATA_URL": f"{url}/api/v1", "THROUGHLINE_KANTATA_TOKEN": TOKEN}


def created_keys(store: Store) -> list[str]:
    """The `throughline_key` of every workspace that a create made, one entry a create: what tests count doubles by."""
    keys = []
    for commit in store.commits("workspaces"):
        if commit.op == "create":
            keys += [
                value.record["value"]
                for value in store.find("custom_field_values", "subject_id", commit.key)
                if value.record["custom_field_name"] == "throughline_key"
            ]
    return keys


def app(store: Store, clock: Clock) -> Starlette:
    """The fake's ASGI app over its state."""
    ox = _Ox(store, clock)
    base = "/api/v1"
    return Starlette(
        routes=[
            *(
                Route(
                    f"{base}/external_references/create_or_update{kind}",
                    ox.guarded(ox.create_or_update),
                    methods=["POST"],
                )
                for kind in ("", ".json")
            ),
            Route(f"{base}/{{name}}", ox.guarded(ox.index), methods=["GET"]),
            Route(f"{base}/{{name}}", ox.guarded(ox.create), methods=["POST"]),
            Route(f"{base}/{{name}}/{{id}}", ox.guarded(ox.show), methods=["GET"]),
            Route(f"{base}/{{name}}/{{id}}", ox.guarded(ox.update), methods=["PUT"]),
            Route(f"{base}/{{name}}/{{id}}", ox.guarded(ox.delete), methods=["DELETE"]),
        ]
    )


class _Ox:
    """The handlers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._writes = Writes(store, clock)
        # (object, filter, order) -> (store's version, ids in order): a listing is computed once, then paged.
        self._listings: OrderedDict[Any, tuple[int, list[str]]] = OrderedDict()

    def guarded(self, handler: Callable[[Request, str, Object], Any]) -> Callable[[Request], Any]:
        """Authentication, the object's name and the error envelope around a handler."""

        async def handle(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return _errors(401, [{"type": "oauth", "message": "Invalid OAuth 2 Request"}])
            name = request.path_params.get("name", "external_references").removesuffix(".json")
            if name not in OBJECTS:
                return _errors(404, [{"type": "system", "message": f"No route for {name}"}])
            try:
                answer: Response = await handler(request, name, OBJECTS[name])
            except Refused as refused:
                return _errors(refused.status, refused.errors)
            return answer

        return handle

    # -- reads ------------------------------------------------------------------------------------------------------

    async def index(self, request: Request, name: str, kind: Object) -> Response:
        """GET of a collection."""
        params = dict(request.query_params)
        where, values = _filter(kind, params)
        ids = self._ids(name, where, values, _order(kind, params))
        start, size = _window(params)
        return self._answer(name, kind, ids[start : start + size], _includes(kind, params), len(ids), start, size)

    async def show(self, request: Request, name: str, kind: Object) -> Response:
        """GET of one record; 404 also where a default filter hides it."""
        params = dict(request.query_params)
        where, values = _filter(OBJECTS[name], params, listing=False)
        id_ = request.path_params["id"].removesuffix(".json")
        ids = self._ids(name, f"id = ? and ({where})", (id_, *values), "id")
        if not ids:
            raise Refused(404, [{"type": "system", "message": f"There is no such {kind.singular}"}])
        return self._answer(name, kind, ids, _includes(kind, params), 1, 0, 1)

    def _ids(self, name: str, where: str, values: tuple[Any, ...], order: str) -> list[str]:
        key, version = (name, where, values, order), self._store.version()
        found = self._listings.get(key)
        if found is None or found[0] != version:
            ids = [row[0] for row in self._store.bodies(name, where=where, params=values, order=order)]
            found = self._listings[key] = (version, ids)
            if len(self._listings) > _KEPT_LISTINGS:
                self._listings.popitem(last=False)
        self._listings.move_to_end(key)
        return found[1]

    def _bodies(self, name: str, ids: Iterable[str]) -> dict[str, str]:
        wanted = list(dict.fromkeys(ids))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            found |= dict(
                self._store.bodies(name, where=f"id in ({','.join('?' * len(part))})", params=part, order="id")
            )
        return found

    def _answer(
        self, name: str, kind: Object, ids: list[str], includes: list[str], total: int, start: int, size: int
    ) -> Response:
        """The envelope: `results` in order, records by id, the included ones beside them. Text is passed through."""
        bodies = self._bodies(name, ids)
        collections: dict[str, dict[str, str]] = {name: {}}
        shown = frozenset(kind.associations[i][0] for i in includes)
        wanted: dict[str, list[str]] = {}
        if includes:
            for body in bodies.values():
                _collect(body, name, kind, includes, wanted)
        for collection, other in wanted.items():
            kept = collections.setdefault(collection, {})
            hidden = _association_fields(collection)
            kept.update({i: _stripped(text, hidden) for i, text in self._bodies(collection, other).items()})
        hidden = _association_fields(name) - shown
        collections[name] |= {i: _stripped(bodies[i], hidden) for i in ids if i in bodies}
        head = {
            "count": total,
            "meta": {
                "count": total,
                "page_count": -(-total // size) if size else 0,
                "page_number": start // size + 1 if size else 1,
                "page_size": size,
            },
            "results": [{"key": name, "id": i} for i in ids],
        }
        parts = [json.dumps(head, separators=(",", ":"))[:-1]]
        for collection, records in collections.items():
            inside = ",".join(f'"{i}":{text}' for i, text in records.items())
            parts.append(f',"{collection}":{{{inside}}}')
        return _json(200, "".join(parts) + "}")

    # -- writes -----------------------------------------------------------------------------------------------------

    async def create(self, request: Request, name: str, kind: Object) -> Response:
        """POST: one record, or up to a hundred under the plural key, all or none."""
        ids = self._writes.create(name, kind, await _body(request), request.headers.get("x-request-id"))
        return self._answer(name, kind, ids, _includes(kind, dict(request.query_params)), len(ids), 0, len(ids))

    async def update(self, request: Request, name: str, kind: Object) -> Response:
        """PUT of one record."""
        id_ = request.path_params["id"].removesuffix(".json")
        self._writes.update(name, kind, id_, await _body(request), request.headers.get("x-request-id"))
        return self._answer(name, kind, [id_], _includes(kind, dict(request.query_params)), 1, 0, 1)

    async def delete(self, request: Request, name: str, kind: Object) -> Response:
        """DELETE: hard, no way back."""
        id_ = request.path_params["id"].removesuffix(".json")
        self._writes.delete(name, kind, id_, request.headers.get("x-request-id"))
        return Response(status_code=204)

    async def create_or_update(self, request: Request, name: str, kind: Object) -> Response:
        """The one upsert that OX has: an external reference by subject and service name."""
        id_ = self._writes.reference(kind, await _body(request), request.headers.get("x-request-id"))
        return self._answer(name, kind, [id_], [], 1, 0, 1)


def _filter(kind: Object, params: Mapping[str, str], *, listing: bool = True) -> Sql:
    if listing:
        missing = [p for p in kind.needs if p not in params and "only" not in params]
        if missing:
            raise Refused(400, [{"type": "system", "message": f"{missing[0]} is required"}])
    given = dict(params)
    if "include_archived" in kind.filters and "archived" not in given:
        given.setdefault("include_archived", "false")
    parts = ["1=1"]
    values: list[Any] = []
    for name, value in given.items():
        if name in _PAGING:
            continue
        if name not in kind.filters:
            raise Refused(400, [{"type": "system", "message": f"{name} is not a filter of {kind.singular}"}])
        try:
            sql, bound = kind.filters[name](value)
        except (ValueError, KeyError) as error:
            raise Refused(400, [{"type": "system", "message": f"{name}: {error}"}]) from error
        parts.append(f"({sql})")
        values += bound
    return " and ".join(parts), tuple(values)


def _order(kind: Object, params: Mapping[str, str]) -> str:
    name, _, direction = params.get("order", kind.default_order).partition(":")
    if name not in kind.orders or direction not in ("asc", "desc"):
        raise Refused(400, [{"type": "system", "message": f"cannot order {kind.singular} by {name}:{direction}"}])
    if name == "updated_at":
        return f"modified {direction}, id {direction}"
    value = f"unixepoch(body ->> '$.{name}')" if name.endswith("_at") else f"body ->> '$.{name}'"
    return f"{value} {direction}, id {direction}"


def _window(params: Mapping[str, str]) -> tuple[int, int]:
    try:
        if "limit" in params or "offset" in params:
            size, start = int(params.get("limit", DEFAULT_PER_PAGE)), int(params.get("offset", 0))
        else:
            size = int(params.get("per_page", DEFAULT_PER_PAGE))
            start = (int(params.get("page", 1)) - 1) * size
    except ValueError as error:
        raise Refused(400, [{"type": "system", "message": f"paging: {error}"}]) from error
    if not 1 <= size <= MAX_PER_PAGE or start < 0:
        raise Refused(400, [{"type": "system", "message": f"per_page is 1 to {MAX_PER_PAGE}, page from 1"}])
    return start, size


def _includes(kind: Object, params: Mapping[str, str]) -> list[str]:
    names = [n.strip() for n in params.get("include", "").split(",") if n.strip()]
    for name in names:
        if name not in kind.associations:
            raise Refused(400, [{"type": "system", "message": f"{name} is not an association of {kind.singular}"}])
    return names


@lru_cache(maxsize=64)
def _association_fields(name: str) -> frozenset[str]:
    return frozenset(field for field, _ in OBJECTS[name].associations.values())


@lru_cache(maxsize=1 << 14)
def _stripped(body: str, hidden: frozenset[str]) -> str:
    """The record's text without the fields that the answer may not show; the text itself where it has none."""
    if not any(f'"{name}":' in body for name in hidden):
        return body
    record = msgspec.json.decode(body)
    for name in hidden:
        record.pop(name, None)
    return msgspec.json.encode(record).decode()


@lru_cache(maxsize=64)
def _references(name: str) -> msgspec.json.Decoder[Any]:
    """Decodes only the association ids of a record; the rest of its text is skipped."""
    fields = [(field, Any, None) for field in sorted(_association_fields(name))]
    return msgspec.json.Decoder(msgspec.defstruct(f"Refs_{name}", fields))


def _collect(body: str, name: str, kind: Object, includes: list[str], wanted: dict[str, list[str]]) -> None:
    record = _references(name).decode(body)
    for include in includes:
        field, collection = kind.associations[include]
        value = getattr(record, field)
        ids = wanted.setdefault(collection, [])
        if isinstance(value, list):
            ids += value
        elif value is not None:
            ids.append(value)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, [{"type": "system", "message": "the body is not JSON"}]) from error
    if not isinstance(body, dict):
        raise Refused(400, [{"type": "system", "message": "the body is not an object"}])
    return body


def _json(status: int, text: str) -> Response:
    return Response(text, status_code=status, media_type="application/json")


def _errors(status: int, errors: list[dict[str, Any]]) -> Response:
    return _json(status, json.dumps({"errors": errors}))
