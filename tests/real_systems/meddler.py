"""Stands between a client and a real server and breaks one exchange at the worst moment. And the factory of the child.

`hold_body`: the server has got half of a request. `hold_answer`: the server has executed it and answered; the answer is
held. In both cases nothing goes on until the test lets go, and then the connection is dropped.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from common.clock import SystemClock
from reverse_etl.spec import DesiredRow, SyncSpec
from reverse_etl.syncs import sync
from reverse_etl.writers.tryton import TrytonWriter
from systems.tryton.client import Client
from systems.tryton.settings import TrytonSettings

PATIENCE_SECONDS = 60


class Meddler:
    """A TCP relay to `target`; the `nth` request whose body has `mark` meets the fault, the others pass."""

    def __init__(self, target: str, fault: Literal["hold_body", "hold_answer"], mark: bytes, nth: int = 1) -> None:
        self.held = threading.Event()
        self.let_go = threading.Event()
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._fault, self._mark, self._nth = fault, mark, nth
        self._seen = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.let_go.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client:
            while True:
                request = _message(client)
                if request is None:
                    return
                broken = self._is_it(request)
                with socket.create_connection(self._target, timeout=PATIENCE_SECONDS) as server:
                    if broken and self._fault == "hold_body":
                        server.sendall(request[: len(request) - 20])
                        self._hold()
                        return
                    server.sendall(request)
                    answer = _message(server)
                    if broken:
                        self._hold()
                        return
                if answer is None:
                    return
                client.sendall(answer)

    def _is_it(self, request: bytes) -> bool:
        if self._mark not in request:
            return False
        with self._lock:
            self._seen += 1
            return self._seen == self._nth

    def _hold(self) -> None:
        self.held.set()
        self.let_go.wait(PATIENCE_SECONDS)


def _message(peer: socket.socket) -> bytes | None:
    """One whole HTTP message; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := _receive(peer)):
            return None
        data += more
    head, _, _ = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if not lengths:
        raise AssertionError("Tryton tells the length of each answer, and our client of each request")
    whole = len(head) + 4 + int(lengths[0].split(b":")[1])
    while len(data) < whole:
        if not (more := _receive(peer)):
            return None
        data += more
    return data


def _receive(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except OSError:
        return b""


def factory(args: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[SyncSpec, list[DesiredRow]]]]:
    """For `tests/faults/child.py`: `n` customers (class U) and `n` projects (class F) with keys that have `tag`."""
    settings = TrytonSettings(**args["settings"])
    writer = TrytonWriter(Client(settings, SystemClock()))
    tag, party, company, deal = args["tag"], args["party"], args["company"], args["deal"]
    customers = [
        DesiredRow(f"kill:{tag}:{n}", True, payload={"name": f"Client {tag} {n}"}, correlation_id=f"{tag}:{n}")
        for n in range(args["n"])
    ]
    projects = [
        DesiredRow(
            f"opp:{tag}{n:02d}:1",
            True,
            payload={
                "name": f"Project {tag} {n}",
                "party": str(party),
                "company": str(company),
                "invoice_method": "timesheet",
                "opportunity_ref": f"tryton:{deal}",
            },
            correlation_id=f"opp:{tag}{n:02d}:1",
        )
        for n in range(args["n"])
    ]
    steps = {
        "customer": (sync("tryton", "tryton__customer"), customers),
        "project": (sync("tryton", "tryton__project"), projects),
    }
    return {"tryton": writer}, [steps[name] for name in args["objects"]]
