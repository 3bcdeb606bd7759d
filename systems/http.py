"""The one HTTP client: pooled, bounded, redacting. One call is exactly one attempt on the wire.

Transport retries are off, because a library that re-sends by itself turns one recorded attempt into several effects.
Reads may be repeated with `read_retrying`; a write is only ever repeated by whoever keeps the ledger. What an answer
means is the business of each system's client.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from systems.errors import Fatal, InDoubt, Retriable

MAX_READ_ATTEMPTS = 5
MAX_WAIT_SECONDS = 30.0

_NOT_SENT = (NewConnectionError, ConnectTimeoutError, EmptyPoolError, NameResolutionError)
_SECRET = re.compile(
    r"(?i)(bearer\s+|basic\s+|session\s+|oauth_signature=[\"']?|(?:token|password|secret|api[_-]?key)[\"':= ]+)"
    r"[^\s\"',&}]+"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def redact(text: str, limit: int = 500) -> str:
    """`text` without credentials and e-mail addresses, cut to `limit` characters: fit for logs and the ledger."""
    return _EMAIL.sub("<e-mail>", _SECRET.sub(r"\1<redacted>", text))[:limit]


@dataclass(frozen=True)
class Response:
    """One answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: if the body is not JSON.
        """
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text, for error messages; redact it before it is stored."""
        return self.body.decode("utf-8", "replace")

    def retry_after(self, now: datetime, default: float = 1.0) -> float:
        """Seconds that the server asks us to wait (`Retry-After` in seconds or as a date), else `default`."""
        value = self.headers.get("Retry-After")
        if value is None:
            return default
        if value.strip().isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds())
        except ValueError:
            return default


_may_start: ContextVar[Callable[[], bool] | None] = ContextVar("may_start", default=None)


@contextmanager
def writes_start_only_while(in_time: Callable[[], bool]) -> Iterator[None]:
    """Inside, the first write of this thread goes out only while `in_time()`; afterwards it is refused unsent.

    Whoever counts a settle time from a moment needs to know that no request starts long after it, also where a client
    reads, signs in or queues before it writes. Once a first write is out the rest of a send may follow: half of it is
    done, and stopping would leave it so.
    """
    token = _may_start.set(in_time)
    try:
        yield
    finally:
        _may_start.reset(token)


def _start_write(system: str) -> None:
    """Refuse a write whose time to start has passed.

    Raises:
        Retriable: nothing was sent.
    """
    in_time = _may_start.get()
    if in_time is None:
        return
    if not in_time():
        raise Retriable(system, "not sent: what came before the write took too long; it is claimed anew", after=0.0)
    _may_start.set(None)


def wait_on_the_wall(seconds: float) -> None:
    """Let real time pass: how a real firm waits. A simulated one is given a wait that returns at once."""
    threading.Event().wait(seconds)


class Http:
    """Pooled connections to one system.

    Args:
        system: slug, for error messages.
        base_url: scheme, host, port and an optional path prefix.
        timeout: seconds to wait for an answer once the request is sent.
        pool: connections kept, and the most requests in flight.
        ca_file: certificate authority to trust beside the system's (sandboxes over TLS).
        wait: what `read_retrying` calls between attempts.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        timeout: float = 60.0,
        pool: int = 10,
        ca_file: str | None = None,
        wait: Callable[[float], None] = wait_on_the_wall,
    ) -> None:
        self.system = system
        self.base_url = base_url.rstrip("/")
        self._wait = wait
        trust: dict[str, Any] = {"ca_certs": ca_file} if ca_file else {}
        self._pool = urllib3.PoolManager(
            maxsize=pool,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=5.0, read=timeout),
            **trust,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        params: Mapping[str, str] | None = None,
        write: bool,
    ) -> Response:
        """Send one request once.

        Args:
            path: below `base_url`, or an absolute address that the system gave us (`nextRecordsUrl`).
            write: whether the request may change something; decides what a lost answer means.

        Raises:
            Retriable: nothing was sent, or a read got no answer.
            InDoubt: a write got no (whole) answer: it may have been executed.
        """
        if write:
            _start_write(self.system)
        url = path if path.startswith(("http://", "https://")) else self.base_url + path
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        try:
            answer = self._pool.urlopen(
                method, url, headers=dict(headers or {}), body=body, redirect=False, retries=False
            )
            return Response(answer.status, answer.headers, answer.data)
        except HTTPError as error:
            raise self._transport_fault(error, method, write) from error

    def read_retrying(
        self,
        send: Callable[[], Response],
        judge: Callable[[Response], Exception | None],
    ) -> Response:
        """Repeat a read until it is answered well, at most five times, waiting as long as the server asks (capped).

        Args:
            send: makes one attempt.
            judge: None for a good answer, else the error that it means.

        Raises:
            Fatal: what `judge` called fatal, or the last fault once the attempts are used up.
        """
        fault: Exception | None = None
        for attempt in range(MAX_READ_ATTEMPTS):
            try:
                answer = send()
                fault = judge(answer)
            except Retriable as error:
                fault = error
            if fault is None:
                return answer
            if not isinstance(fault, Retriable):
                raise fault
            if attempt < MAX_READ_ATTEMPTS - 1:
                self._wait(min(max(fault.after, 0.2 * 2**attempt), MAX_WAIT_SECONDS))
        raise Fatal(
            self.system,
            f"gave up after {MAX_READ_ATTEMPTS} attempts: {fault}. Check that the system is up and its limits; "
            "the next run goes on from where the last complete one was.",
        ) from fault

    def _transport_fault(self, error: HTTPError, method: str, write: bool) -> Exception:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        text = redact(f"{type(reason).__name__} at {self.base_url}")
        if isinstance(reason, _NOT_SENT):
            return Retriable(self.system, f"could not be reached, nothing was sent ({text})", after=1.0)
        if write:
            return InDoubt(self.system, f"no whole answer to {method}; it may have been executed ({text})")
        return Retriable(self.system, f"no whole answer to {method} ({text})", after=1.0)
