"""A target that is stateful, transactional and mean, over real HTTP, in each of the four classes.

It records every commit; the log is the history that tests judge by. The class decides what a second request does:
U upserts by key, K answers a known request id with its first result, F and B create again (F can be searched by key).

Misbehaviour is a list of `Fault`s; each strikes at requests by number, counted from 1. Also here: the writer that
speaks this protocol, and a factory for `child.py`.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from common.clock import Clock
from reverse_etl.spec import (
    Acked,
    BatchRefused,
    Capability,
    DesiredRow,
    Doubt,
    Found,
    Mode,
    Operation,
    Outcome,
    PeriodShut,
    RejectedRow,
    SyncSpec,
    Throttled,
)
from systems.errors import Fatal, InDoubt, Retriable
from systems.http import Http

FIELDS = ("name", "amount", "note", "parent")


def spec(capability: str, *, target: str = "fake", object_: str = "thing", **changes: Any) -> SyncSpec:
    """A sync to the fake, with the batch size that suits the class."""
    values: dict[str, Any] = {
        "target": target, "object": object_, "entity": object_, "record_type": object_, "key_field": "key",
        "capability": Capability(capability), "mode": Mode(create=True, update=True), "fields": FIELDS,
        "owner_role": "finance", "sla_hours": 4, "batch_max": 3 if capability == "U" else 1,
        "parallel": 1 if capability in ("U", "B") else 3,
    }  # fmt: skip
    return SyncSpec(**(values | changes))


def rows(n: int, *, note: str = "", version: int = 1, prefix: str = "k") -> list[DesiredRow]:
    """`n` desired rows."""
    return [
        DesiredRow(
            f"{prefix}{i:04d}",
            eligible=True,
            payload={"name": f"thing {i}", "amount": version + i / 4, "note": note, "parent": None},
            business_key=f"T-{i}",
            client=f"Client {i % 3}",
            correlation_id=f"x:{i}",
        )
        for i in range(n)
    ]


@dataclass
class Fault:
    """One misbehaviour.

    kind: drop_before (nothing is executed, the connection is cut), drop_after (commit, then cut), late (cut now, commit
    `seconds` of the clock later), throttle (429, `seconds` as Retry-After), hold_body (half of the body is read, then
    nothing), hold_answer (commit, then nothing), unavailable (401), locked (a 409 for each row).
    """

    kind: str
    requests: frozenset[int] = frozenset()
    seconds: float = 0.0


@dataclass(frozen=True)
class Commit:
    """One effect. op: create | update."""

    object: str
    key: str
    op: str
    native_id: str
    fields: dict[str, Any]


@dataclass
class Target:
    """The fake. Start with `serve`; everything below is safe to read between requests."""

    clock: Clock
    capability: str = "U"
    log_file: Path | None = None
    faults: list[Fault] = field(default_factory=list)
    bad_keys: Mapping[str, str] = field(default_factory=dict)  # key: error code
    refuse_batches: bool = False  # a bad key refuses its whole request and isn't named
    commits: list[Commit] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)  # native id to record
    requests: int = 0
    request_times: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.held = threading.Event()  # a fault holds a request now
        self.release = threading.Event()
        self._answers: dict[str, str] = {}
        self._late: list[tuple[datetime, str, list[dict[str, Any]]]] = []

    # --- state ---

    def creates(self) -> Counter[str]:
        """Creates by key."""
        self.catch_up()
        return Counter(commit.key for commit in self.commits if commit.op == "create")

    def state(self) -> dict[str, dict[str, Any]]:
        """Fields by key, of the record that was written last."""
        self.catch_up()
        return {record["key"]: record["fields"] for record in self.records.values()}

    def catch_up(self) -> None:
        """Commit what was late and is due by now."""
        with self.lock:
            due = [late for late in self._late if late[0] <= self.clock.now()]
            self._late = [late for late in self._late if late not in due]
            for _, object_, operations in sorted(due, key=lambda late: late[0]):
                self.commit(object_, operations)

    def commit(self, object_: str, operations: Sequence[Mapping[str, Any]]) -> list[str]:
        """Execute a request as one transaction. Returns the native ids."""
        return [self._commit_one(object_, operation) for operation in operations]

    def later(self, seconds: float, object_: str, operations: list[dict[str, Any]]) -> None:
        """Execute a request `seconds` from now on the clock."""
        self._late.append((self.clock.now() + timedelta(seconds=seconds), object_, operations))

    def _commit_one(self, object_: str, operation: Mapping[str, Any]) -> str:
        key, fields = str(operation["key"]), dict(operation["payload"])
        if self.capability == "K" and operation["request_id"] in self._answers:
            return self._answers[operation["request_id"]]
        native_id = operation.get("native_id")
        if self.capability == "U" and native_id is None:
            native_id = next((i for i, r in self.records.items() if (r["object"], r["key"]) == (object_, key)), None)
        op = "update" if native_id in self.records else "create"
        native_id = native_id if op == "update" else f"n{len(self.records) + 1}"
        self.records.pop(str(native_id), None)
        self.records[str(native_id)] = {"object": object_, "key": key, "fields": fields}
        self.commits.append(Commit(object_, key, op, str(native_id), fields))
        if self.log_file:
            with self.log_file.open("a") as log:
                log.write(json.dumps({"object": object_, "key": key, "op": op, "native_id": native_id}) + "\n")
        self._answers[str(operation["request_id"])] = str(native_id)
        return str(native_id)

    # --- serving ---

    def serve(self) -> Callable[[], None]:
        """Listen on a free loopback port. Returns what stops it."""
        target = self

        class Handler(_Handler):
            fake = target

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def server_bind(self) -> None:
                # Small buffers: a large body that nobody reads stays with its sender.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                super().server_bind()

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()

        def stop() -> None:
            self.release.set()
            server.shutdown()
            server.server_close()
            thread.join(10)

        return stop

    def fault_of(self, number: int) -> Fault | None:
        """The misbehaviour that strikes at this request."""
        return next((f for f in self.faults if not f.requests or number in f.requests), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Target

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def do_GET(self) -> None:
        """Find records by key: consistent at once."""
        self.fake.catch_up()
        query = parse_qs(urlsplit(self.path).query)
        keys = set(query["keys"][0].split(","))
        with self.fake.lock:
            found = {
                r["key"]: {"native_id": i, "fields": r["fields"]}
                for i, r in self.fake.records.items()
                if r["key"] in keys and r["object"] == query["object"][0]
            }
        self._answer(200, found)

    def do_POST(self) -> None:
        """Execute a request, or misbehave."""
        fake = self.fake
        fake.catch_up()
        with fake.lock:
            fake.requests += 1
            fake.request_times.append(fake.clock.now())
            fault = fake.fault_of(fake.requests)
        kind = fault.kind if fault else ""
        length = int(self.headers["Content-Length"])
        if kind == "hold_body":
            half = self.rfile.read(length // 2)
            fake.held.set()
            fake.release.wait(60)
            rest = self.rfile.read(length - len(half))
            if len(half) + len(rest) < length:
                self.close_connection = True
                return
            body = half + rest
        else:
            body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        self._execute(json.loads(body), kind, fault.seconds if fault else 0.0)

    def _execute(self, request: dict[str, Any], kind: str, seconds: float) -> None:
        fake, operations = self.fake, request["rows"]
        if kind == "throttle":
            self._answer(429, {"error": "slow down"}, {"Retry-After": str(int(seconds))})
        elif kind == "unavailable":
            self._answer(401, {"error": "who are you"})
        elif kind == "locked":
            self._answer(200, {"results": [{"error": "ROW_LOCKED"} for _ in operations]})
        elif kind == "drop_before":
            self._cut()
        elif kind == "late":
            with fake.lock:
                fake.later(seconds, request["object"], operations)
            self._cut()
        elif fake.refuse_batches and any(o["key"] in fake.bad_keys for o in operations):
            self._answer(400, {"error": "something in here is wrong"})
        else:
            answer = self._commit(request["object"], operations)
            if kind == "hold_answer":
                fake.held.set()
                fake.release.wait(60)
            if kind in ("drop_after", "hold_answer"):
                self._cut()
            else:
                self._answer(200, {"results": answer})

    def _commit(self, object_: str, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        with self.fake.lock:
            for operation in operations:
                code = self.fake.bad_keys.get(operation["key"])
                if code:
                    results.append({"error": code, "field": "name"})
                else:
                    results.append({"id": self.fake.commit(object_, [operation])[0]})
        return results

    def _cut(self) -> None:
        self.close_connection = True
        # A reset, not a polite end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def _answer(self, status: int, payload: Any, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class HttpWriter:
    """Speaks the fake's protocol. One call is one request."""

    def __init__(self, url: str, *, timeout: float = 20.0) -> None:
        self._http = Http("fake", url, timeout=timeout, pool=10)

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """Send the rows in one request."""
        body = {
            "object": spec.object,
            "rows": [
                {"key": o.key, "payload": o.payload, "native_id": o.native_id, "request_id": o.request_id}
                for o in operations
            ],
        }
        try:
            answer = self._http.request("POST", "/rows", body=json.dumps(body).encode(), write=True)
        except InDoubt as error:
            return [Doubt(str(error))] * len(operations)
        except Retriable as error:
            return [Throttled(error.after, str(error))] * len(operations)
        if answer.status == 401:
            raise Fatal("fake", "the credentials are refused; renew them. Bearer abc.def belongs to joe@example.com")
        if answer.status == 429:
            after = answer.retry_after(datetime(2026, 10, 15, tzinfo=UTC))
            return [Throttled(after, "429")] * len(operations)
        if answer.status == 400:
            return [BatchRefused("400", answer.text)] * len(operations)
        return [_outcome(result) for result in answer.json()["results"]]

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the fake holds."""
        answer = self._http.request("GET", "/rows", params={"object": spec.object, "keys": ",".join(keys)}, write=False)
        return {key: Found(held["native_id"], held["fields"]) for key, held in answer.json().items()}


def _outcome(result: Mapping[str, Any]) -> Outcome:
    if "id" in result:
        return Acked(result["id"])
    if result["error"] == "ROW_LOCKED":
        return Throttled(0, "locked")
    if result["error"] == "PERIOD_CLOSED":
        return PeriodShut("PERIOD_CLOSED", "the period is closed")
    return RejectedRow(result["error"], f"bad value for joe@example.com: {result['error']}", result.get("field"))


def factory(args: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[SyncSpec, list[DesiredRow]]]]:
    """For `child.py`: deliver `n` rows of one class to the fake at `url`, as one or several syncs."""
    steps = [
        (
            spec(args["capability"], object_=object_),
            rows(args["n"], note="x" * args.get("note_bytes", 0), prefix=f"{object_}-"),
        )
        for object_ in args.get("objects", ["thing"])
    ]
    return {"fake": HttpWriter(args["url"])}, steps
