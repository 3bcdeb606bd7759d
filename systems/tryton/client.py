"""How to talk to Tryton 8.0 over JSON-RPC: session, keyset reading, records and buttons, errors.

What Tryton does that a caller must know:

* Business errors are HTTP 200 with `error: [class, details]`; the texts are translated, so only the class is judged.
  A user error, a warning, a conflict and a crash all roll the transaction back: nothing was executed.
* A row's timestamp is the start of the transaction that wrote it. It becomes visible at the commit, later, and all
  rows of one transaction carry the same one. So pages go by (last_modified_at, id), and whoever keeps a mark must
  overlap. `last_modified_at` is the write time, or the creation time of a row that was never changed.
* Search costs grow with the square of the limit: pages of 1000.
* Creating many records in one call is atomic.
* The optimistic lock is opt-in: `write` sends the `_timestamp` that was read; without it the last one wins. It is
  exact on PostgreSQL, and only nearly so on SQLite.
* Answers above 1400 characters are gzipped whether asked for or not.
* Deleted rows leave nothing to read: compare ids.
* Sessions end (time-out, restart): 401. We log in once more and send again; a refused session executed nothing.

A column name with `__` is a path through a relation: `currency__code` is `currency.code`. Use it for what does not
change: a change there does not bump the row's own time.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from common.clock import Clock
from common.settings import settings
from systems.errors import Fatal, InDoubt, Rejected, Retriable
from systems.http import Http, Response, redact, wait_on_the_wall
from systems.tryton.settings import TrytonSettings, tryton_settings
from systems.tryton.wire import column, instant, plain, to_wire

SYSTEM = "tryton"
# What `read` calls the past of a model that keeps one: `<model>@history`.
HISTORY = "@history"

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines


class _SessionEnded(Exception):
    """The server does not know our session (any more); the request was not executed."""


class Client:
    """One database of one Tryton server. Safe for threads.

    Args:
        config: where and how.
        clock: what counts as now.
        wait: what lets time pass between attempts of a read.
    """

    def __init__(self, config: TrytonSettings, clock: Clock, wait: Callable[[float], None] = wait_on_the_wall) -> None:
        self.instance = config.instance
        self._config = config
        self._clock = clock
        self._http = Http(SYSTEM, config.url, timeout=config.timeout_seconds, wait=wait)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._session: str | None = None
        self._context: dict[str, Any] = {}

    # -- bulk reads -------------------------------------------------------------------------------------------------

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of one model as NDJSON, oldest change first; with `since`, what changed at or after it.

        Args:
            name: a model (`timesheet.line`), or `<model>@history` for every revision of a model that keeps them:
                rows of `id`, `revision_at` and the fields as they were then.
            fields: our column names; `last_modified_at` need not be among them.

        Raises:
            Fatal: wrong login, unknown model or field, a page that can't be read, or Tryton is out of reach.
        """
        if name.endswith(HISTORY):
            yield from self._read_history(name.removesuffix(HISTORY), since, fields)
            return
        flags = self._flags(name, fields)
        for records in self._changed(name, since, fields):
            rows = [{field: column(record, field) for field in fields} for record in records]
            for row in rows:
                row.update({flag: bool(row[flag]) for flag in flags})
            yield _encode_lines(rows)

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that exist now, inactive records included.

        Raises:
            Fatal: as `read`.
        """
        last = -1  # a user has id 0
        while True:
            found = self._ask(name, "search", [["id", ">", last]], 0, self._config.page_size, [["id", "ASC"]])
            if found:
                yield [str(number) for number in found]
            if len(found) < self._config.page_size:
                return
            last = found[-1]

    def _flags(self, model: str, fields: Sequence[str]) -> list[str]:
        """Which of the fields are booleans: SQLite answers 0 and 1 for them, PostgreSQL false and true."""
        described = self._ask(model, "fields_get", [field for field in fields if "__" not in field])
        return [name for name, field in described.items() if field["type"] == "boolean"]

    def _changed(self, model: str, since: datetime | None, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Pages of records by (last_modified_at, id): a strict order, so that ties never fall between two pages."""
        paths = sorted({field.replace("__", ".") for field in fields} | {"id", "last_modified_at"})
        domain: list[Any] = [["last_modified_at", ">=", since]] if since is not None else []
        order = [["last_modified_at", "ASC"], ["id", "ASC"]]
        while True:
            page = self._ask(model, "search_read", domain, 0, self._config.page_size, order, paths)
            if page:
                yield page
            if len(page) < self._config.page_size:
                return
            at, last = instant(page[-1]["last_modified_at"]), page[-1]["id"]
            domain = [
                "OR",
                [["last_modified_at", ">", at]],
                [["last_modified_at", "=", at], ["id", ">", last]],
            ]

    def _read_history(self, model: str, since: datetime | None, fields: Sequence[str]) -> Iterator[bytes]:
        """Every revision of the records that changed, read as of the instant of the revision."""
        wanted = [field for field in fields if field not in ("id", "revision_at", "revised_by")]
        paths = sorted({field.replace("__", ".") for field in wanted} | {"id"})
        for records in self._changed(model, since, ["id"]):
            revisions: dict[datetime, dict[int, str | None]] = {}
            for at, number, person in self._ask(model, "history_revisions", [record["id"] for record in records]):
                if since is None or instant(at) >= since:
                    revisions.setdefault(instant(at), {})[number] = person
            rows = []
            for at, who in sorted(revisions.items()):
                for record in self._ask(model, "read", sorted(who), paths, context={"_datetime": at}):
                    row = {field: column(record, field) for field in wanted}
                    rows.append(
                        {"id": record["id"], "revision_at": plain(to_wire(at)), "revised_by": who[record["id"]], **row}
                    )
            if rows:
                yield _encode_lines(rows)

    # -- records ----------------------------------------------------------------------------------------------------

    def find(
        self, model: str, domain: list[Any], fields: Sequence[str], limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The records of `model` in `domain`, by id, with our column names, plain values and `id`.

        Raises:
            Fatal: as `read`.
        """
        paths = sorted({field.replace("__", ".") for field in fields} | {"id"})
        found = self._ask(model, "search_read", domain, 0, limit, [["id", "ASC"]], paths)
        return [{"id": record["id"], **{field: column(record, field) for field in fields}} for record in found]

    def count(self, model: str, domain: list[Any]) -> int:
        """How many records of `model` are in `domain`.

        Raises:
            Fatal: as `read`.
        """
        return int(self._ask(model, "search_count", domain))

    def create(
        self, model: str, rows: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None
    ) -> list[int]:
        """Create records in one transaction: all or none. Returns their ids in the order of `rows`.

        Raises:
            Rejected: Tryton refused the content of (at least) one row; none was created.
            Retriable: a conflict or too many requests; none was created.
            InDoubt: no whole answer, or a 5xx: the rows may be there.
            Fatal: wrong login, unknown model.
        """
        return [int(number) for number in self._do(model, "create", list(rows), context=context)]

    def write(
        self,
        model: str,
        id_: int,
        values: Mapping[str, Any],
        *,
        timestamp: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Change one record. Sending the same values again changes nothing more.

        Args:
            timestamp: the record's `_timestamp` as it was read: refuse the write if somebody else wrote since.

        Raises:
            Rejected: Tryton refused the values, or the record is gone.
            Retriable: somebody else wrote since `timestamp` (code ConcurrencyException): read and decide again.
            InDoubt: no whole answer, or a 5xx.
            Fatal: wrong login, unknown model.
        """
        lock = {"_timestamp": {f"{model},{id_}": timestamp}} if timestamp is not None else {}
        self._do(model, "write", [id_], dict(values), context={**lock, **(context or {})})

    def delete(self, model: str, ids: Sequence[int]) -> None:
        """Delete records.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create`.
        """
        self._do(model, "delete", list(ids))

    def press(self, model: str, button: str, ids: Sequence[int], context: Mapping[str, Any] | None = None) -> Any:
        """Press a button on records (`post`, `confirm`), as a person would. Returns what the server says.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create`. A warning that a person would have to acknowledge is a
                `Rejected` with code UserWarning.
        """
        return self._do(model, button, list(ids), context=context)

    # -- one request ------------------------------------------------------------------------------------------------

    def _ask(self, model: str, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A read: repeated while that can help."""
        # Inactive records are records: without this they look deleted.
        extra = {"active_test": False, **(context or {})}
        kept: list[Any] = []

        def send() -> Response:
            return self._post(f"model.{model}.{method}", [*params, self._in_context(extra)], write=False)

        def judge(answer: Response) -> Exception | None:
            try:
                kept[:] = [self._result(answer, write=False)]
            except (_SessionEnded, Rejected, Retriable, Fatal) as fault:
                if isinstance(fault, Rejected):
                    return Fatal(SYSTEM, f"{model}.{method} can't be read: {fault}", code=fault.code)
                return fault
            return None

        return self._with_session(lambda: self._http.read_retrying(send, judge) and kept[0])

    def _do(self, model: str, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A write: sent once."""

        def send() -> Any:
            arguments = [*params, self._in_context(context or {})]
            return self._result(self._post(f"model.{model}.{method}", arguments, write=True), write=True)

        return self._with_session(send)

    def _with_session(self, send: Callable[[], Any]) -> Any:
        """`send` with a session; where the server has forgotten it, once more with a new one."""
        session = self._log_in(None)
        try:
            return send()
        except _SessionEnded:
            self._log_in(session)
        try:
            return send()
        except _SessionEnded as error:
            raise Fatal(
                SYSTEM, "the session ends at once, again and again; look at the server's log", code="401"
            ) from error

    def _in_context(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._context, **extra}

    def _log_in(self, ended: str | None) -> str:
        """The session; a new one where there is none or where it is the `ended` one."""
        with self._lock:
            if self._session is not None and self._session != ended:
                return self._session
            self._session = None
            config = self._config
            parameters = [config.user, {"password": config.password.get_secret_value()}, "en"]
            try:
                answer = self._http.read_retrying(
                    lambda: self._post("common.db.login", parameters, write=False), self._login_fault
                )
                number, token, *_ = self._result(answer, write=False)
                login = base64.b64encode(f"{config.user}:{number}:{token}".encode()).decode()
                self._session = f"Session {login}"
                answer = self._http.read_retrying(
                    lambda: self._post("model.res.user.get_preferences", [True, {}], write=False), self._login_fault
                )
                self._context = self._result(answer, write=False)
            except (_SessionEnded, Rejected, TypeError, ValueError) as error:
                raise self._refused() from error
            return self._session

    def _login_fault(self, answer: Response) -> Exception | None:
        if answer.status == 401:
            return self._refused()
        return self._status_fault(answer)

    def _refused(self) -> Fatal:
        return Fatal(
            SYSTEM,
            f"the login of {self._config.user!r} to database {self._config.database!r} was refused. Set "
            "THROUGHLINE_TRYTON_USER and THROUGHLINE_TRYTON_PASSWORD to an active user of it.",
            code="401",
        )

    def _post(self, method: str, params: list[Any], *, write: bool) -> Response:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if self._session is not None:
            headers["Authorization"] = self._session
        body = _encode(to_wire({"id": next(self._numbers), "method": method, "params": params}))
        return self._http.request("POST", f"/{self._config.database}/rpc/", headers=headers, body=body, write=write)

    def _status_fault(self, answer: Response) -> Exception | None:
        """What a status other than 200 means to a read."""
        status = answer.status
        if status == 200:
            return None
        if status == 401:
            return _SessionEnded()
        if status == 429:
            after = answer.retry_after(self._clock.now(), 5.0)
            return Retriable(SYSTEM, "too many requests or bad logins (429)", after=after, code="429")
        if status >= 500:
            return Retriable(SYSTEM, f"{status}. {redact(answer.text, 200)}", code=str(status))
        hints = {
            403: "this method is not offered; is the module activated?",
            404: f"there is no database {self._config.database!r}; set THROUGHLINE_TRYTON_DATABASE",
            413: "more records than the server allows in one answer; lower THROUGHLINE_TRYTON_PAGE_SIZE",
        }
        return Fatal(SYSTEM, hints.get(status, redact(answer.text, 200)) + f" ({status})", code=str(status))

    def _result(self, answer: Response, *, write: bool) -> Any:
        """The result of an answer, or the error that it means."""
        fault = self._status_fault(answer)
        if fault is not None:
            if write and answer.status >= 500:
                raise InDoubt(SYSTEM, f"{answer.status}; it may have been executed", code=str(answer.status))
            raise fault
        try:
            body = json.loads(answer.body)
            error = body.get("error")
            result = body.get("result")
        except (ValueError, AttributeError) as broken:
            if write:
                raise InDoubt(SYSTEM, "an answer that can't be read; it may have been executed") from broken
            raise Retriable(SYSTEM, "a page that can't be read") from broken
        if error:
            raise _business_fault(error)
        return result


def _business_fault(error: Sequence[Any]) -> Exception:
    """What `[class, details]` means. All of them were rolled back."""
    kind, details = str(error[0]), error[1] if len(error) > 1 else ""
    said = details[0] if isinstance(details, list) and details else details
    text = redact(str(said), 300)
    if kind == "ConcurrencyException":
        return Retriable(SYSTEM, "somebody else changed the record meanwhile", after=0.0, code=kind)
    if kind == "RateLimitException":
        return Retriable(SYSTEM, "too many requests", after=5.0, code=kind)
    if kind == "LoginException":
        return _SessionEnded()
    if kind == "UserWarning":
        # [name of the warning, text, description]: the name is what a person would acknowledge.
        text = redact(str(details[1]), 300) if isinstance(details, list) and len(details) > 1 else text
        return Rejected(SYSTEM, f"asks for an acknowledgement: {text}", code=kind)
    if kind == "UserError":
        return Rejected(SYSTEM, text, code=kind)
    # A crash of the server: the first item is the exception's text, not a class.
    return Rejected(SYSTEM, f"the server failed on this request ({redact(kind, 120)})", code="crash")


def connect() -> Client:
    """The database that the environment names."""
    return Client(tryton_settings(), settings().clock())
