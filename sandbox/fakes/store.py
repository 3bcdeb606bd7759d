"""The state of one fake system: records in a SQLite file, and the log of everything that was committed to it.

Knows no protocol and no vendor. The commit log is the history that tests judge by: one row a write that took effect,
with the request that caused it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists record (
    object text not null, id text not null, body text not null, modified text not null,
    origin text not null, deleted integer not null default 0, seq integer not null,
    primary key (object, id)
) without rowid;
create index if not exists record_modified on record (object, deleted, modified, id);
create table if not exists alias (
    object text not null, field text not null, value text not null, id text not null,
    primary key (object, field, value, id)
) without rowid;
create index if not exists alias_id on alias (object, id);
create table if not exists commit_log (
    seq integer primary key, object text not null, key text not null, op text not null, at text not null,
    request_id text
);
create table if not exists counter (object text primary key, value integer not null);
create table if not exists setting (name text primary key, value text not null);
create table if not exists pending (id integer primary key, due text not null, request text not null);
"""


def iso(at: datetime) -> str:
    """The fixed-width UTC text that the store sorts by."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")


@dataclass(frozen=True)
class Stored:
    """One record as the store holds it."""

    id: str
    record: dict[str, Any]
    modified: str
    origin: str
    deleted: bool


@dataclass(frozen=True)
class Commit:
    """One write that took effect. op: create | update | delete."""

    seq: int
    object: str
    key: str
    op: str
    at: str
    request_id: str | None


class Store:
    """Records of one fake in one file. Safe for threads; every public write is one transaction unless inside `atomic`.

    Args:
        path: the SQLite file; made with its folder where it does not exist.
        indexed: per object, the fields that `find` looks up quickly (external ids and the like).
    """

    def __init__(self, path: Path, indexed: dict[str, tuple[str, ...]] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(_SCHEMA)
        self._indexed = indexed or {}
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All writes inside happen together or not at all."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("rollback")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("commit")

    def put(
        self,
        object_: str,
        id_: str,
        record: dict[str, Any],
        modified: datetime,
        *,
        origin: str = "firm",
        request_id: str | None = None,
    ) -> bool:
        """Create or replace a record. Returns True where it was created.

        Only writes that come through the protocol (`origin='api'`) enter the commit log.
        """
        with self.atomic():
            known = self._db.execute("select 1 from record where object=? and id=?", (object_, id_)).fetchone()
            self._write(object_, id_, record, modified, origin)
            if origin == "api":
                self._log(object_, id_, "update" if known else "create", modified, request_id)
            return known is None

    def put_many(self, rows: Iterable[tuple[str, str, dict[str, Any], datetime]]) -> int:
        """Fill with the firm's own records: (object, id, record, modified). Returns how many."""
        count = 0
        with self.atomic():
            for object_, id_, record, modified in rows:
                self._write(object_, id_, record, modified, "firm")
                count += 1
        return count

    def get(self, object_: str, id_: str) -> Stored | None:
        """The record, deleted ones included; None where there never was one."""
        row = self._read(
            "select id, body, modified, origin, deleted from record where object=? and id=?", (object_, id_)
        )
        return self._stored(row[0]) if row else None

    def find(self, object_: str, field: str, value: str) -> list[Stored]:
        """Live records whose indexed `field` equals `value`.

        Raises:
            KeyError: if the field was not declared as indexed.
        """
        if field not in self._indexed.get(object_, ()):
            raise KeyError(f"{object_}.{field} is not indexed in this fake")
        rows = self._read(
            "select r.id, r.body, r.modified, r.origin, r.deleted from alias a join record r on r.object=a.object and "
            "r.id=a.id where a.object=? and a.field=? and a.value=? and r.deleted=0 order by r.seq",
            (object_, field, value),
        )
        return [self._stored(row) for row in rows]

    def delete(
        self, object_: str, id_: str, at: datetime, *, origin: str = "api", request_id: str | None = None
    ) -> bool:
        """Delete a record: it stays as a tombstone that only `get` and `deleted_since` show. False: there was none."""
        with self.atomic():
            done = self._db.execute(
                "update record set deleted=1, modified=?, seq=? where object=? and id=? and deleted=0",
                (iso(at), self._tick("#seq"), object_, id_),
            ).rowcount
            if done and origin == "api":
                self._log(object_, id_, "delete", at, request_id)
            return bool(done)

    def select(
        self,
        object_: str,
        *,
        where: str = "1=1",
        params: Sequence[Any] = (),
        order: str = "modified, id",
        limit: int = -1,
        offset: int = 0,
    ) -> list[Stored]:
        """Live records by SQL over (id, modified, body); payload fields as `body ->> '$.Field'`."""
        rows = self._read(
            f"select id, body, modified, origin, deleted from record where object=? and deleted=0 and ({where}) "
            f"order by {order} limit ? offset ?",
            (object_, *params, limit, offset),
        )
        return [self._stored(row) for row in rows]

    def bodies(
        self,
        object_: str,
        *,
        where: str = "1=1",
        params: Sequence[Any] = (),
        order: str = "modified, id",
        limit: int = -1,
        offset: int = 0,
        with_deleted: bool = False,
    ) -> list[tuple[str, str]]:
        """As `select`, but (id, JSON text): for answers that pass the text on without parsing it."""
        live = "1=1" if with_deleted else "deleted=0"
        return self._read(
            f"select id, body from record where object=? and {live} and ({where}) order by {order} limit ? offset ?",
            (object_, *params, limit, offset),
        )

    def rows(self, sql: str, params: Sequence[Any]) -> list[Any]:
        """A read in SQLite's own words over `record (object, id, body, modified, deleted)`: for fakes that take SQL."""
        return self._read(sql, params)

    def count(self, object_: str, *, where: str = "1=1", params: Sequence[Any] = ()) -> int:
        """How many live records match."""
        return int(
            self._read(f"select count(*) from record where object=? and deleted=0 and ({where})", (object_, *params))[
                0
            ][0]
        )

    def deleted_since(self, object_: str, at: datetime) -> list[Stored]:
        """Tombstones of records deleted at or after `at`."""
        rows = self._read(
            "select id, body, modified, origin, deleted from record where object=? and deleted=1 and modified>=? "
            "order by modified, id",
            (object_, iso(at)),
        )
        return [self._stored(row) for row in rows]

    def objects(self) -> list[str]:
        """The objects that have records."""
        return [row[0] for row in self._read("select distinct object from record order by 1", ())]

    def next_id(self, object_: str, start: int = 1) -> int:
        """The next number of this object's own sequence."""
        with self.atomic():
            return self._tick(object_, start)

    def commits(self, object_: str | None = None) -> list[Commit]:
        """The commit log, oldest first."""
        rows = self._read(
            "select seq, object, key, op, at, request_id from commit_log where ? is null or object = ? order by seq",
            (object_, object_),
        )
        return [Commit(*row) for row in rows]

    def version(self) -> int:
        """A number that grows with every record written or deleted: what was computed before it may be stale."""
        row = self._read("select value from counter where object='#seq'", ())
        return int(row[0][0]) if row else 0

    def setting(self, name: str, default: Any = None) -> Any:
        """A value kept beside the records (fault plans, token epochs), JSON."""
        row = self._read("select value from setting where name=?", (name,))
        return json.loads(row[0][0]) if row else default

    def set_setting(self, name: str, value: Any) -> None:
        """Keep a JSON value under `name`."""
        with self.atomic():
            self._db.execute("insert or replace into setting values (?, ?)", (name, json.dumps(value)))

    def defer(self, due: datetime, request: dict[str, Any]) -> None:
        """Keep a request that will take effect at `due` (a late commit)."""
        with self.atomic():
            self._db.execute("insert into pending (due, request) values (?, ?)", (iso(due), json.dumps(request)))

    def take_due(self, now: datetime) -> list[dict[str, Any]]:
        """Deferred requests whose time has come, oldest first; each is handed out once."""
        with self.atomic():
            rows = self._db.execute(
                "select id, request from pending where due<=? order by due, id", (iso(now),)
            ).fetchall()
            self._db.executemany("delete from pending where id=?", [(row[0],) for row in rows])
        return [json.loads(row[1]) for row in rows]

    def close(self) -> None:
        """Write everything into the main file and let go of it."""
        with self._lock:
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.close()

    def _read(self, sql: str, params: Sequence[Any]) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, params).fetchall()

    def _write(self, object_: str, id_: str, record: dict[str, Any], modified: datetime, origin: str) -> None:
        self._db.execute(
            "insert or replace into record (object, id, body, modified, origin, deleted, seq) values (?,?,?,?,?,0,?)",
            (
                object_,
                id_,
                json.dumps(record, separators=(",", ":")),
                iso(modified),
                origin,
                self._tick("#seq"),
            ),
        )
        fields = self._indexed.get(object_, ())
        if fields:
            self._db.execute("delete from alias where object=? and id=?", (object_, id_))
            self._db.executemany(
                "insert or ignore into alias values (?,?,?,?)",
                [(object_, f, str(record[f]), id_) for f in fields if record.get(f) not in (None, "")],
            )

    def _log(self, object_: str, key: str, op: str, at: datetime, request_id: str | None) -> None:
        self._db.execute(
            "insert into commit_log (object, key, op, at, request_id) values (?,?,?,?,?)",
            (object_, key, op, iso(at), request_id),
        )

    def _tick(self, name: str, start: int = 1) -> int:
        return int(
            self._db.execute(
                "insert into counter values (?, ?) on conflict (object) do update set value = value + 1 returning value",
                (name, start),
            ).fetchone()[0]
        )

    @staticmethod
    def _stored(row: Sequence[Any]) -> Stored:
        return Stored(row[0], json.loads(row[1]), row[2], row[3], bool(row[4]))
