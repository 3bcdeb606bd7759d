"""How things stand in the ledger, in counts for people. Reads only; moves nothing."""

from __future__ import annotations

from sqlalchemy import func, select

from reverse_etl import tables as t
from reverse_etl.store import Store


def acknowledged(store: Store) -> dict[str, int]:
    """Rows that each target has confirmed, by `<target>/<object>`."""
    query = select(t.ack.c.target, t.ack.c.object, func.count()).group_by(t.ack.c.target, t.ack.c.object)
    with store.reading() as db:
        return {f"{target}/{object_}": count for target, object_, count in db.execute(query)}
