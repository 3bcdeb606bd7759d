"""The outbox relation in a DuckDB file becomes desired rows, or an error that says where it breaks the contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from reverse_etl.outbox import BrokenOutbox, read, records
from reverse_etl.syncs import SANDBOX

SPEC = SANDBOX[0]
MODEL = """
create schema sync;
create table sync.sync_netsuite__customer (
    key varchar, eligible boolean, ineligible_reason varchar, payload varchar, observed_native_id varchar,
    observed_payload varchar, business_key varchar, client varchar, amount decimal(18,4), currency varchar,
    legal_entity_code varchar, posting_date date, correlation_id varchar, depends_on varchar
);
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "generation.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(MODEL)
    return path


def insert(file: Path, *values: object) -> None:
    with duckdb.connect(str(file)) as db:
        db.execute(f"insert into sync.sync_netsuite__customer values ({','.join('?' * 14)})", list(values))


def test_a_row_is_read_with_its_types(file: Path) -> None:
    insert(file, "b", True, None, '{"companyName": "O\'Brien & Söhne"}', "12", '{"companyName": "x"}', "Deal", "Client",
           Decimal("10.5"), "EUR", "DE01", date(2026, 10, 1), "opp:1:1", '["netsuite/customer/c"]')  # fmt: skip
    insert(file, "a", False, "no tax id", None, None, None, None, None, None, None, None, None, "x:1", None)
    second, first = reversed(read(file, SPEC))
    assert (first.key, first.eligible, first.ineligible_reason, first.payload) == (
        "a",
        False,
        "no tax id",
        {},
    )
    assert second.payload == {"companyName": "O'Brien & Söhne"}
    assert (second.amount, second.posting_date) == (Decimal("10.5000"), date(2026, 10, 1))
    assert second.depends_on == ("netsuite/customer/c",)
    assert records([second])[0]["payload"] == '{"companyName":"O\'Brien & Söhne"}'


@pytest.mark.parametrize("payload", ["{not json", None])
def test_a_broken_row_is_named(file: Path, payload: str | None) -> None:
    insert(file, "a", True, None, payload, None, None, None, None, None, None, None, None, "x:1", None)
    with pytest.raises(BrokenOutbox, match=r"sync\.sync_netsuite__customer, key 'a'"):
        read(file, SPEC)


def test_a_missing_relation_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(BrokenOutbox, match="sync_netsuite__customer"):
        read(path, SPEC)


def test_reading_does_not_lock_out_another_reader(file: Path) -> None:
    with duckdb.connect(str(file), read_only=True):
        assert read(file, SPEC) == []
