"""How to talk to Kantata OX: bearer token, numbered pages, records by id beside an ordered list, errors.

What OX does that a caller must know:

* Association ids (`workspace_id`) are told only where the association is included, so each object has its includes.
* Pages are numbered and may shift while somebody writes. A listing is ordered by a field that does not change, every
  page is checked against the one that was asked for, and a partition whose rows don't add up is read again.
* `only` and filters never answer 404; archived projects hide unless asked for; text filters find parts of values.
* No idempotency key and no upsert (but for external references): a create that got no answer must be looked for by
  our own key, three minutes after it was sent at the earliest.
* 429 has no Retry-After.

`read` answers NDJSON. Flat objects pass through as they came; the others are made flat: an object's members get its
name in front (`status_key`), custom fields become `cf_<name>`, external references `ref_<service name>`, lists of ids
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from common.clock import Clock
from common.settings import settings
from systems.errors import Fatal, InDoubt, Rejected, Retriable
from systems.http import Http, Response, redact, wait_on_the_wall
from systems.kantata.listings import LISTINGS, Listing
from systems.kantata.pages import Page, flat_lines, in_scope, lines, parse
from systems.kantata.settings import KantataSettings, kantata_settings

SYSTEM = "kantata"
# A listing that changes under our hands is read again this often.
MAX_PARTITION_READS = 3
PARTITION_DAYS = 31
# `updated_after` leaves out the second that it names.
_INCLUSIVE = timedelta(seconds=1)


@dataclass(frozen=True)
class Workspace:
    """A project as OX holds it: the record, its custom fields by name, and the ids of their values."""

    id: str
    record: Mapping[str, Any]
    custom_fields: Mapping[str, Any]
    value_ids: Mapping[str, str]

    @property
    def updated_at(self) -> str | None:
        """OX's own change stamp."""
        return self.record.get("updated_at")


class Client:
    """One account of Kantata OX. Safe for threads.

    Args:
        config: where and how.
        clock: what counts as now.
        wait: what lets time pass between attempts of a read.
    """

    def __init__(self, config: KantataSettings, clock: Clock, wait: Callable[[float], None] = wait_on_the_wall) -> None:
        self.instance = config.instance
        self._config = config
        self._clock = clock
        self._http = Http(SYSTEM, config.url, timeout=config.timeout_seconds, pool=config.parallel + 4, wait=wait)
        self._fields: dict[tuple[str, str], str] | None = None

    # -- bulk reads -------------------------------------------------------------------------------------------------

    def read(self, name: str, since: datetime | None, fields: list[str]) -> Iterator[bytes]:
        """Pages of one object as NDJSON; with `since`, at least what changed at or after it.

        OX has no way to ask for some fields only, so `fields` changes nothing.

        Raises:
            Fatal: wrong token, unknown object, a page that can't be read, or OX is out of reach.
        """
        listing = _listing(name)
        if name == "workspace_status_changes":
            pages = self._of_each_workspace(name, listing, since)
        elif name == "time_entries" and since is None:
            pages = self._by_work_date(name, self._query(listing, None))
        else:
            pages = self._pages([self._query(listing, since)], name)
        encode = lines if listing.flat else flat_lines
        for page in pages:
            if page.ids:
                yield encode(name, page)

    def read_ids(self, name: str) -> Iterator[list[str]]:
        """Pages of the ids that exist now.

        Raises:
            Fatal: as `read`.
        """
        listing = _listing(name)
        query = {**dict(listing.params), **({"order": listing.order} if listing.order else {})}
        pages = self._by_work_date(name, query) if name == "time_entries" else self._pages([query], name)
        for page in pages:
            yield page.ids

    def _query(self, listing: Listing, since: datetime | None) -> dict[str, str]:
        query = dict(listing.params)
        if listing.include:
            query["include"] = ",".join(listing.include)
        if listing.order:
            query["order"] = listing.order
        if since is not None and listing.since:
            query[listing.since] = (since.astimezone(UTC) - _INCLUSIVE).isoformat()
        return query

    def _of_each_workspace(self, name: str, listing: Listing, since: datetime | None) -> Iterator[Page]:
        """OX lists status changes of one workspace at a time; a change of status is a change of the workspace."""
        query = {"include_archived": "true", "order": "created_at:asc"}
        if since is not None:
            query["updated_after"] = (since.astimezone(UTC) - _INCLUSIVE).isoformat()
        ids = [i for page in self._pages([query], "workspaces") for i in page.ids]
        yield from self._pages([{**self._query(listing, since), "workspace_id": i} for i in ids], name)

    def _by_work_date(self, name: str, query: Mapping[str, str]) -> Iterator[Page]:
        """All hours by ranges of work dates, several ranges side by side.

        Raises:
            Fatal: fewer rows came than OX says there are, before and after.
        """
        ranges, total = self._work_months()
        found = 0
        for page in self._pages([{**query, "date_performed_between": r} for r in ranges], name):
            found += len(page.ids)
            yield page
        if found < min(total, self._work_months()[1]):
            raise Fatal(
                SYSTEM,
                f"{name}: {found} rows came, but there are {total}. Nothing of it was kept; run again, and if it stays "
                "so, ask Kantata's support with the time of this message.",
            )

    def _work_months(self) -> tuple[list[str], int]:
        """Ranges that cover every work date there is, and how many rows there are."""
        days, total = [], 0
        for direction in ("asc", "desc"):
            query = {**dict(LISTINGS["time_entries"].params), "order": f"date_performed:{direction}", "per_page": "1"}
            page = self._page("time_entries", query)
            total = page.count
            days += [msgspec.json.decode(raw)["date_performed"] for raw in page.collections["time_entries"].values()]
        if not days:
            return [], total
        first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
        ranges = []
        while first <= last:
            end = min(first + timedelta(days=PARTITION_DAYS - 1), last)
            ranges.append(f"{first.isoformat()}:{end.isoformat()}")
            first = end + timedelta(days=1)
        return ranges, total

    def _pages(self, queries: Sequence[dict[str, str]], name: str) -> Iterator[Page]:
        """Every page of every query, in order, with a bounded number of partitions read side by side."""
        with ThreadPoolExecutor(self._config.parallel, thread_name_prefix="kantata") as pool:
            if len(queries) == 1:
                yield from self._partition(queries[0], name, pool)
                return
            waiting = iter(queries)
            running: list[Future[list[Page]]] = [
                pool.submit(self._whole_partition, q, name) for q in islice(waiting, self._config.parallel)
            ]
            try:
                while running:
                    pages = running.pop(0).result()
                    running += [pool.submit(self._whole_partition, q, name) for q in islice(waiting, 1)]
                    yield from pages
            finally:
                for future in running:
                    future.cancel()

    def _whole_partition(self, query: dict[str, str], name: str) -> list[Page]:
        return list(self._partition(query, name, None))

    def _partition(self, query: dict[str, str], name: str, pool: ThreadPoolExecutor | None) -> list[Page]:
        """All pages of one listing. Read again where the listing changed between its first page and its last.

        Raises:
            Fatal: it changed each time.
        """
        pages: list[Page] = []
        for _ in range(MAX_PARTITION_READS):
            first = self._page(name, query, 1)
            rest = range(2, first.page_count + 1)
            if pool is None:
                others = [self._page(name, query, number) for number in rest]
            else:
                others = list(pool.map(lambda number: self._page(name, query, number), rest))
            pages = [first, *others]
            ids = [i for page in pages for i in page.ids]
            if len(ids) == len(set(ids)) == first.count:
                return pages
        raise Fatal(
            SYSTEM,
            f"{name}: the pages of a listing overlapped or had gaps {MAX_PARTITION_READS} times in a row. Somebody is "
            "writing a lot just now; run again later. Nothing of it was kept.",
        )

    def _page(self, name: str, query: Mapping[str, str], number: int = 1) -> Page:
        params = {"per_page": str(self._config.page_size), **query, "page": str(number)}
        kept: list[Page] = []

        def judge(answer: Response) -> Exception | None:
            fault = self._fault(answer)
            if isinstance(fault, Rejected):
                return Fatal(SYSTEM, f"{name} can't be listed: {fault}", code=fault.code)
            if fault is None:
                try:
                    kept[:] = [parse(answer.body)]
                except (msgspec.MsgspecError, ValueError) as error:
                    return Retriable(SYSTEM, f"a page of {name} that can't be read ({redact(str(error), 120)})")
                if kept[0].page_number != number or not in_scope(name, kept[0], query):
                    return Retriable(SYSTEM, f"the answer to another question than page {number} of {name}")
            return fault

        self._http.read_retrying(lambda: self._send("GET", f"/{name}.json", params=params), judge)
        return kept[0]

    # -- workspaces -------------------------------------------------------------------------------------------------

    def create_workspaces(
        self, bodies: Sequence[Mapping[str, Any]], custom_fields: Sequence[Mapping[str, Any]], request_id: str
    ) -> list[Workspace]:
        """Create projects in one request, each with its custom fields in the create body itself.

        Args:
            bodies: OX's own fields, one mapping a project.
            custom_fields: name -> value, one mapping a project.

        Raises:
            Rejected: OX refused a record's content; none was created.
            Retriable: OX is throttling; none was created.
            InDoubt: no whole answer, or a 5xx: look for the keys after three minutes.
            Fatal: wrong token, or a custom field that the account does not have.
        """
        records = [
            {
                "creator_role": "maven",
                **body,
                "custom_fields": [
                    {"custom_field_id": int(self._field_id("Workspace", name)), "value": value}
                    for name, value in fields.items()
                    if value is not None
                ],
            }
            for body, fields in zip(bodies, custom_fields, strict=True)
        ]
        payload: dict[str, Any] = {"workspace": records[0]} if len(records) == 1 else {"workspaces": records}
        return self._workspaces(self._write("POST", "/workspaces.json", payload, request_id, _SHOW))

    def update_workspace(self, id_: str, body: Mapping[str, Any], request_id: str) -> Workspace:
        """Change OX's own fields of a project. Sending it twice changes nothing more.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create_workspaces`; `Rejected` too where the project is gone.
        """
        page = self._write("PUT", f"/workspaces/{int(id_)}.json", {"workspace": dict(body)}, request_id, _SHOW)
        return self._workspaces(page)[0]

    def set_custom_fields(self, id_: str, values: Mapping[str, Any], request_id: str) -> None:
        """Set custom fields of a project, none of them to nothing. OX replaces what was there; sending it twice
        changes nothing more.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create_workspaces`.
        """
        records = [
            {
                "subject_type": "Workspace",
                "subject_id": int(id_),
                "custom_field_id": int(self._field_id("Workspace", name)),
                "value": value,
            }
            for name, value in values.items()
        ]
        self._write("POST", "/custom_field_values.json", {"custom_field_values": records}, request_id, {})

    def clear_custom_field(self, value_id: str, request_id: str) -> None:
        """Take a value off its object; OX accepts no empty one. A value that is gone already is no error.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create_workspaces`.
        """
        answer = self._send("DELETE", f"/custom_field_values/{int(value_id)}.json", params={}, request_id=request_id)
        self._judge_write(answer, "DELETE", "/custom_field_values", gone_is_fine=True)

    def find_workspaces(self, field: str, values: Sequence[str]) -> dict[str, list[Workspace]]:
        """Projects whose custom field has exactly one of the values; archived ones too. Value -> what was found.

        Asks the database's own filter, not the search index. A text filter finds parts of values, so what comes back
        is compared as a whole.

        Raises:
            Fatal: wrong token, unknown custom field, or OX is out of reach.
        """
        field_id = self._field_id("Workspace", field)
        found: dict[str, list[Workspace]] = {}
        for start in range(0, len(values), 20):
            part = values[start : start + 20]
            wanted = ":".join(f"({field_id}:{value})" for value in part)
            query = {"include_archived": "true", "order": "created_at:asc", "by_custom_text_value": wanted, **_SHOW}
            for page in self._partition(query, "workspaces", None):
                for workspace in self._workspaces(page):
                    value = workspace.custom_fields.get(field)
                    if value in part:
                        found.setdefault(str(value), []).append(workspace)
        return found

    def workspace(self, id_: str) -> Workspace | None:
        """One project by id; None where there is none (any more).

        Raises:
            Fatal: as `find_workspaces`.
        """
        query = {"include_archived": "true", "only": str(int(id_)), **_SHOW}
        found = self._workspaces(self._page("workspaces", query))
        return found[0] if found else None

    def find_by_reference(self, subject: str, service: str, reference: str) -> list[str]:
        """Ids of objects of a type ('WorkspaceGroup') that hold another system's id ('salesforce', '001...').

        Raises:
            Fatal: wrong token, or OX is out of reach.
        """
        query = {
            "subject_type": subject,
            "service_name": service,
            "service_model_ref": reference,
            "order": "created_at:asc",
        }
        found = []
        for page in self._partition(query, "external_references", None):
            for raw in page.collections["external_references"].values():
                record = msgspec.json.decode(raw)
                if record["service_model_ref"] == reference:
                    found.append(str(record["subject_id"]))
        return found

    def set_reference(self, subject: str, id_: str, service: str, model: str, reference: str, request_id: str) -> None:
        """Keep another system's id on an object. The one upsert that OX has: sending it twice changes nothing more.

        Raises:
            Rejected, Retriable, InDoubt, Fatal: as `create_workspaces`.
        """
        record = {
            "subject_type": subject,
            "subject_id": int(id_),
            "service_name": service,
            "service_model": model,
            "service_model_ref": reference,
            "status": "successful",
        }
        self._write(
            "POST", "/external_references/create_or_update.json", {"external_reference": record}, request_id, {}
        )

    def _workspaces(self, page: Page) -> list[Workspace]:
        values: dict[str, dict[str, Any]] = {}
        ids: dict[str, dict[str, str]] = {}
        for id_, raw in page.collections.get("custom_field_values", {}).items():
            value = msgspec.json.decode(raw)
            if value["subject_type"] == "Workspace":
                subject, name = str(value["subject_id"]), value["custom_field_name"]
                values.setdefault(subject, {})[name] = value["value"]
                ids.setdefault(subject, {})[name] = id_
        records = page.collections.get("workspaces", {})
        return [Workspace(i, msgspec.json.decode(records[i]), values.get(i, {}), ids.get(i, {})) for i in page.ids]

    def _field_id(self, subject: str, name: str) -> str:
        """Id of a custom field by its name; the account's list is read once."""
        if self._fields is None:
            sets = {i: r["subject_type"] for i, r in self._all("custom_field_sets", ())}
            fields = self._all("custom_fields", ("custom_field_set",))
            self._fields = {(sets.get(r["custom_field_set_id"], ""), r["name"]): i for i, r in fields}
        found = self._fields.get((subject, name))
        if found is None:
            raise Fatal(
                SYSTEM,
                f"this account has no custom field {name!r} on {subject}. Create it (type text) under Settings > "
                "Custom Fields, then run again.",
            )
        return found

    def _all(self, name: str, include: tuple[str, ...]) -> list[tuple[str, Any]]:
        query = {"order": "created_at:asc", **({"include": ",".join(include)} if include else {})}
        pages = self._partition(query, name, None)
        return [(i, msgspec.json.decode(p.collections[name][i])) for p in pages for i in p.ids]

    # -- one request ------------------------------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: bytes | None = None,
        request_id: str | None = None,
    ) -> Response:
        headers = {"Authorization": f"Bearer {self._config.token.get_secret_value()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if request_id is not None:
            # OX ignores it; its support and our fake can tell our requests apart by it.
            headers["X-Request-Id"] = request_id
        return self._http.request(method, path, headers=headers, body=body, params=params, write=method != "GET")

    def _write(
        self, method: str, path: str, payload: Mapping[str, Any], request_id: str, params: Mapping[str, str]
    ) -> Page:
        """One write, sent once. Anything but a clear yes or no is in doubt."""
        answer = self._send(method, path, params=params, body=msgspec.json.encode(payload), request_id=request_id)
        self._judge_write(answer, method, path)
        try:
            return parse(answer.body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise InDoubt(SYSTEM, f"the answer to {method} {path} can't be read; it was executed or not") from error

    def _judge_write(self, answer: Response, method: str, path: str, *, gone_is_fine: bool = False) -> None:
        if answer.status >= 500:
            raise InDoubt(SYSTEM, f"{answer.status} for {method} {path}; it may have been executed. {_said(answer)}")
        fault = self._fault(answer)
        if fault is not None and not (gone_is_fine and answer.status == 404):
            raise fault

    def _fault(self, answer: Response) -> Exception | None:
        """What an answer means. Reads and writes alike, but for 5xx, which `_write` judges before."""
        status = answer.status
        fault: Exception | None = None
        if status == 401:
            fault = Fatal(
                SYSTEM,
                "the access token was refused (401). Set THROUGHLINE_KANTATA_TOKEN to a valid token of an account "
                "administrator.",
                code="401",
            )
        elif status == 403:
            fault = Fatal(
                SYSTEM,
                f"not allowed (403). {_said(answer)} Give the token's user administrator rights in Kantata.",
                code="403",
            )
        elif status == 429:
            after = answer.retry_after(self._clock.now(), self._config.throttle_seconds)
            fault = Retriable(SYSTEM, "too many requests (429)", after=after, code="429")
        elif status >= 500:
            fault = Retriable(SYSTEM, f"{status}. {_said(answer)}", after=1.0, code=str(status))
        elif status in (404, 422):
            first = next(iter(_errors(answer)), {})
            fault = Rejected(SYSTEM, _said(answer), field=first.get("field"), code=str(first.get("type") or status))
        elif status >= 300:
            fault = Fatal(SYSTEM, f"the request was refused ({status}). {_said(answer)}", code=str(status))
        return fault


_SHOW = {"include": "custom_field_values,primary_workspace_group"}


def connect() -> Client:
    """The account that the environment names. A simulated firm's waits return at once."""
    config = settings()
    wait: Callable[[float], None] = (lambda _: None) if config.firm == "sandbox" else wait_on_the_wall
    return Client(kantata_settings(), config.clock(), wait)


def _listing(name: str) -> Listing:
    if name not in LISTINGS:
        raise Fatal(SYSTEM, f"no object named {name!r} is read; known: {', '.join(LISTINGS)}")
    return LISTINGS[name]


def _errors(answer: Response) -> list[dict[str, Any]]:
    try:
        errors = answer.json().get("errors", [])
    except (ValueError, AttributeError):
        return []
    return [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []


def _said(answer: Response) -> str:
    """OX's own words, fit for a log."""
    errors = _errors(answer)
    text = "; ".join(str(e.get("message", "")) for e in errors) if errors else answer.text
    return redact(text, 300)
