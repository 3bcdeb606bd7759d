"""The clock of the Tryton process that the scripts beside this file drive: it stands where they set it.

A firm's Tryton has a year of change times behind it. One that was filled this morning has none, and then nothing can
be said about what was known when. So the filling process lives through the year: before each step the clock is set,
and Tryton writes its own creation, change, history and log times from it, as it would on a machine with that date.
The server that is started on the result runs on real time.
"""

from __future__ import annotations

import datetime as dt

_state: dict[str, dt.datetime] = {}
_by_transaction: dict[int, str] = {}
_STEP = dt.timedelta(milliseconds=250)


def install(config_file: str) -> None:
    """Make Tryton ask this clock. Call before the first connection is opened.

    On PostgreSQL only dates follow the clock: there the database itself stamps the changes.
    """
    import trytond.config

    # The backend is chosen when it is first imported, by what is configured then.
    trytond.config.update_etc(config_file)
    from trytond import backend
    from trytond.ir.date import Date

    if backend.name == "sqlite":
        from trytond.backend.sqlite import database

        database.now = _sql_now
    Date.today = staticmethod(lambda timezone=None: now().date())  # noqa: ARG005 - Tryton names it


def set_to(at: dt.datetime) -> None:
    """Stand at `at` (naive UTC); never earlier than where it stood."""
    if "now" in _state and at < _state["now"]:
        at = _state["now"]
    _state["now"] = at


def now() -> dt.datetime:
    """Where the clock stands. It must have been set once."""
    return _state["now"]


def _sql_now() -> str:
    """Tryton's SQL function NOW: one instant a transaction, later than the transaction before."""
    from trytond.transaction import Transaction

    key = Transaction().started_at
    if key not in _by_transaction:
        _state["now"] += _STEP
        _by_transaction.clear()
        _by_transaction[key] = now().isoformat(" ", timespec="microseconds")
    return _by_transaction[key]
