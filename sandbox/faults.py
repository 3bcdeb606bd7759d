"""How a fake misbehaves when it is told to: throttling, errors, lost answers, late commits, expiry, bad pages.

One Starlette middleware for every fake. Faults are told to it over `POST /_control/faults` and kept in the store, so
that they survive a restart. A fake's own rules (types, limits, permissions) are not faults and are not here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from common.clock import Clock
from sandbox.fakes.store import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Kind = Literal[
    "throttle",  # 429 with Retry-After; nothing executed
    "server_error",  # 5xx; nothing executed, but the caller can't know
    "drop_before",  # connection closed without an answer; nothing executed
    "drop_after",  # executed, then the connection is closed without an answer
    "hold_answer",  # executed, then silent until the caller goes away (or 60 s pass)
    "hold_body",  # the body is never read to its end; nothing executed
    "late_commit",  # connection closed now; executed once virtual time has moved by `delay` seconds
    "malformed_page",  # 200 with half of the body
    "duplicate_page",  # the answer to this read is the previous answer to the same path
    "expire_token",  # 401 as for an expired token
    "schema_change",  # a field of the answer's records changes its type
]


@dataclass(frozen=True)
class Fault:
    """One instruction: the next `times` requests that match misbehave, after letting `skip` of them pass."""

    kind: Kind
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    skip: int = 0
    status: int = 503
    retry_after: str | None = "1"
    delay: float = 60.0
    field: str = ""


class Misbehave:
    """ASGI middleware. Wraps a fake's app; serves `/_control/*` itself.

    Control calls (JSON): `POST /_control/faults` (a Fault), `DELETE /_control/faults`, `GET /_control/commits?object=`,
    `GET /_control/requests` (method and path of everything that arrived), `GET /_control/held` (requests being held),
    `POST /_control/tick?days=`.
    """

    def __init__(self, app: Any, store: Store, clock: Clock) -> None:
        self._app = app
        self._store = store
        self._clock = clock
        # Set by whoever runs all fakes of a firm: lets the firm live for some days, returns records changed by system.
        self.on_tick: Callable[[float], dict[str, int]] | None = None
        self._held = 0
        self._previous: dict[str, list[MutableMapping[str, Any]]] = {}
        self._requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/_control/"):
            await self._control(scope, receive, send)
            return
        await self._commit_due()
        self._requests.append(f"{scope['method']} {scope['path']}")
        del self._requests[:-10_000]
        fault = self._next_fault(scope)
        if fault is None:
            await self._remember(scope, receive, send)
        else:
            await self._misbehave(fault, scope, receive, send)

    # -- faults -----------------------------------------------------------------------------------------------

    def _next_fault(self, scope: Scope) -> Fault | None:
        """The first planned fault that matches this request; counts it down."""
        with self._store.atomic():
            plan = self._store.setting("faults", [])
            for entry in plan:
                if not re.fullmatch(entry["method"], scope["method"]) or not re.fullmatch(entry["path"], scope["path"]):
                    continue
                if entry["skip"] > 0:
                    entry["skip"] -= 1
                    self._store.set_setting("faults", plan)
                    return None
                if entry["times"] > 0:
                    entry["times"] -= 1
                    self._store.set_setting("faults", [e for e in plan if e["times"] > 0])
                    return Fault(**entry) if entry["times"] else Fault(**{**entry, "times": 1})
        return None

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "hold_body":
            await receive()
            await self._hold(receive)
            return
        body = await _read_body(receive)
        if fault.kind in ("throttle", "server_error", "expire_token"):
            status = {"throttle": 429, "expire_token": 401}.get(fault.kind, fault.status)
            headers = {"Retry-After": fault.retry_after} if fault.retry_after and status in (429, 503) else {}
            await _answer(send, status, {"error": fault.kind, "message": "told to misbehave"}, headers)
        elif fault.kind == "drop_before":
            await _drop(receive)
        elif fault.kind == "late_commit":
            request = {
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode(),
                "headers": [(k.decode(), v.decode()) for k, v in scope["headers"]],
                "body": body.decode("latin-1"),
            }
            self._store.defer(self._clock.now() + timedelta(seconds=fault.delay), request)
            await _drop(receive)
        elif fault.kind == "drop_after":
            await self._execute(scope, body)
            await _drop(receive)
        elif fault.kind == "hold_answer":
            await self._execute(scope, body)
            await self._hold(receive)
        else:
            await self._spoil(fault, scope, body, send)

    async def _spoil(self, fault: Fault, scope: Scope, body: bytes, send: Send) -> None:
        messages = await self._execute(scope, body)
        whole = b"".join(m.get("body", b"") for m in messages if m["type"] == "http.response.body")
        if fault.kind == "duplicate_page" and scope["path"] in self._previous:
            for message in self._previous[scope["path"]]:
                await send(message)
            return
        if fault.kind == "malformed_page":
            whole = whole[: len(whole) // 2]
        elif fault.kind == "schema_change":
            whole = re.sub(
                rb'("%s"\s*:\s*)("(?:[^"\\]|\\.)*"|-?[0-9.eE+]+|true|false|null)' % fault.field.encode(),
                rb'\1{"changed": true}',
                whole,
            )
        headers = [h for h in messages[0]["headers"] if h[0].lower() != b"content-length"]
        await send({**messages[0], "headers": [*headers, (b"content-length", str(len(whole)).encode())]})
        await send({"type": "http.response.body", "body": whole})

    async def _hold(self, receive: Receive) -> None:
        """Stay silent until the caller goes away, at most a minute."""
        self._held += 1
        try:
            async with asyncio.timeout(60):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            pass
        finally:
            self._held -= 1

    async def _execute(self, scope: Scope, body: bytes) -> list[MutableMapping[str, Any]]:
        """Run the request through the fake and keep its answer instead of sending it."""
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        return messages

    async def _commit_due(self) -> None:
        """Let the late commits happen whose time has come."""
        for request in self._store.take_due(self._clock.now()):
            scope = {
                "type": "http",
                "method": request["method"],
                "path": request["path"],
                "raw_path": request["path"].encode(),
                "query_string": request["query"].encode(),
                "root_path": "",
                "scheme": "http",
                "http_version": "1.1",
                "server": ("127.0.0.1", 0),
                "client": ("127.0.0.1", 0),
                "headers": [(k.encode(), v.encode()) for k, v in request["headers"]],
            }
            await self._execute(scope, request["body"].encode("latin-1"))

    async def _remember(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve honestly, keeping the last answer to a read for `duplicate_page`."""
        if scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        kept: list[MutableMapping[str, Any]] = []

        async def keeping(message: MutableMapping[str, Any]) -> None:
            kept.append(message)
            await send(message)

        await self._app(scope, receive, keeping)
        self._previous = {scope["path"]: kept}

    # -- control ----------------------------------------------------------------------------------------------

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        what = scope["path"].removeprefix("/_control/")
        body = await _read_body(receive)
        if what == "faults" and scope["method"] == "POST":
            plan = self._store.setting("faults", [])
            self._store.set_setting("faults", [*plan, asdict(Fault(**json.loads(body)))])
            await _answer(send, 200, {"planned": len(plan) + 1})
        elif what == "faults":
            self._store.set_setting("faults", [])
            await _answer(send, 200, {"planned": 0})
        elif what == "commits":
            object_ = scope["query_string"].decode().removeprefix("object=") or None
            await _answer(send, 200, [asdict(commit) for commit in self._store.commits(object_)])
        elif what == "requests":
            await _answer(send, 200, self._requests)
        elif what == "tick" and self.on_tick is not None:
            try:
                await _answer(send, 200, {"changed": self.on_tick(float(scope["query_string"].removeprefix(b"days=")))})
            except ValueError as error:
                await _answer(send, 422, {"error": str(error)})
        elif what == "held":
            await _answer(send, 200, {"held": self._held})
        else:
            await _answer(send, 404, {"error": f"no control named {what}"})


async def _drop(receive: Receive) -> None:
    """Reset the connection without an answer. uvicorn's `receive` is a method of the cycle that owns the transport."""
    receive.__self__.transport.abort()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _answer(send: Send, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
    body = json.dumps(payload).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    head += [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
