"""What the model was last built from, so that a run on which nothing changed rebuilds nothing.

A build depends on the raw versions, the quarantine, the project's code, and the day: stocks are stated as of today.
"""

from __future__ import annotations

import duckdb

from common.clock import Clock
from common.settings import Settings
from orchestration.dbt import Dbt


class Built:
    """The record of the last whole build that was published, beside the warehouse."""

    def __init__(self, config: Settings, clock: Clock, dbt: Dbt) -> None:
        self._config = config
        self._clock = clock
        self._dbt = dbt
        self._path = config.home / "built.txt"
        # What a whole build that is under way was started from; None: no build of this process is to be remembered.
        self._started_from: str | None = None

    def is_current(self) -> bool:
        """Whether a build now would make what is published already."""
        return self._path.exists() and self._config.published.exists() and self._path.read_text() == self._inputs()

    def begin(self, *, whole: bool) -> None:
        """A build starts: until it is published, nothing that was recorded holds. A partial one is never recorded."""
        self._path.unlink(missing_ok=True)
        self._started_from = self._inputs() if whole else None

    def remember(self) -> None:
        """The generation of the build that was begun is published. Rows that arrived meanwhile are not in it."""
        if self._started_from is not None:
            self._path.write_text(self._started_from)

    def _inputs(self) -> str:
        con = duckdb.connect(str(self._config.warehouse))
        try:
            tables = con.execute(
                "select table_schema, table_name from information_schema.columns "
                "where column_name = '_load_seq' and table_schema like 'raw\\_%' escape '\\' order by 1, 2"
            ).fetchall()
            marks = [
                (s, t, *con.execute(f'select max(_load_seq), count(*) from "{s}"."{t}"').fetchall()[0])
                for s, t in tables
            ]
            held = con.execute(
                "select count(*), count(*) filter (resolved_at is not null), max(detected_at) from quality.quarantine"
            ).fetchall()
        finally:
            con.close()
        day = self._clock.now().date().isoformat()
        return repr((marks, held, self._dbt.fingerprint(), day, self._config.time_export_go_live))
