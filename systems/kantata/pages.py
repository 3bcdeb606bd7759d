"""What an answer of Kantata OX holds: an ordered list of ids, and collections of records by id. Bytes in, NDJSON out.

Nothing is fetched here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


class _Ref(msgspec.Struct):
    key: str
    id: str


class _Meta(msgspec.Struct):
    count: int
    page_count: int = 0
    page_number: int = 1


class _Page(msgspec.Struct):
    """The part of an answer that every listing has; records stay bytes until somebody wants them."""

    meta: _Meta
    results: list[_Ref]


@dataclass(frozen=True)
class Page:
    """One page: ids in order, how many there are in all, and the collections as undecoded records."""

    ids: list[str]
    count: int
    page_count: int
    page_number: int
    collections: Mapping[str, Mapping[str, msgspec.Raw]]


class _Scoped(msgspec.Struct):
    """The fields by which a listing is cut into partitions."""

    date_performed: str = ""
    workspace_id: str = ""


_head = msgspec.json.Decoder(_Page)
_scoped = msgspec.json.Decoder(_Scoped)
_whole = msgspec.json.Decoder(dict[str, msgspec.Raw])
_records = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(body: bytes) -> Page:
    """An answer as a page. Records stay bytes."""
    head = _head.decode(body)
    rest = _whole.decode(body)
    names = [n for n in rest if n not in ("count", "meta", "results")]
    collections = {n: _records.decode(rest[n]) for n in names}
    for ref in head.results:
        if ref.id not in collections.get(ref.key, {}):
            raise ValueError(f"{ref.key} {ref.id} is listed but not there")
    return Page([r.id for r in head.results], head.meta.count, head.meta.page_count, head.meta.page_number, collections)


def in_scope(name: str, page: Page, query: Mapping[str, str]) -> bool:
    """Whether the records are of the partition that was asked for. A proxy that answers from a stale cache, or a
    connection that got the previous answer, shows another one's.
    """
    workspace, dates = query.get("workspace_id"), query.get("date_performed_between")
    if workspace is None and dates is None:
        return True
    first, _, last = (dates or ":").partition(":")
    for id_ in page.ids:
        record = _scoped.decode(page.collections[name][id_])
        if workspace is not None and record.workspace_id != workspace:
            return False
        if dates is not None and not first <= record.date_performed <= last:
            return False
    return True


def lines(name: str, page: Page) -> bytes:
    """The page's records as they came, one a line."""
    records = page.collections[name]
    text = b"\n".join(bytes(records[i]) for i in page.ids)
    if text.count(b"\n") == len(page.ids) - 1:
        return text
    return b"\n".join(msgspec.json.encode(msgspec.json.decode(records[i])) for i in page.ids)


def flat_lines(name: str, page: Page) -> bytes:
    """The page's records made flat, one a line."""
    values = {i: msgspec.json.decode(r) for i, r in page.collections.get("custom_field_values", {}).items()}
    references = {i: msgspec.json.decode(r) for i, r in page.collections.get("external_references", {}).items()}
    return b"\n".join(
        msgspec.json.encode(_flat(msgspec.json.decode(page.collections[name][i]), values, references)) for i in page.ids
    )


def _flat(record: dict[str, Any], values: Mapping[str, Any], references: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            out |= {f"{name}_{inner}": v for inner, v in value.items() if not isinstance(v, dict | list)}
        elif not isinstance(value, list):
            out[name] = value
    for id_ in record.get("custom_field_value_ids") or ():
        if id_ in values:
            out[f"cf_{values[id_]['custom_field_name']}"] = values[id_]["value"]
    for id_ in record.get("external_reference_ids") or ():
        if id_ in references:
            out[f"ref_{references[id_]['service_name']}"] = references[id_]["service_model_ref"]
    return out
