"""A generation is whole or not there; readers see the old one or the new one, never a mixture."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from common.settings import Settings
from orchestration.publish import PublishRefused, publish
from quality import verdict as verdicts
from quality.runner import canonical_batch

NOW = datetime(2026, 10, 15, 6, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    made = Settings(state_dir=tmp_path)
    made.warehouse.parent.mkdir(parents=True)
    con = duckdb.connect(str(made.warehouse))
    con.execute("create schema kpi; create schema raw_salesforce; create schema canonical")
    con.execute("create table kpi.kpi_value as select 1 as value")
    con.execute("create table canonical.dim_customer as select 'Acme' as name")
    con.execute("create table canonical.dim_resource as select 'R1' as resource_key, 'Ann Onymous' as full_name")
    con.execute("create table raw_salesforce.account as select 'secret person' as name")
    con.close()
    _judge(made, passed=True)
    return made


def _judge(config: Settings, *, passed: bool) -> None:
    con = duckdb.connect(str(config.warehouse))
    verdicts.ensure_tables(con)
    evidence = {"border": "canonical", "suite": "canonical", "batch": canonical_batch(con)}
    verdicts.store(con, verdicts.Verdict(passed, () if passed else ("totals do not tie",), evidence), NOW)
    con.close()


def _value(path: Path) -> int:
    con = duckdb.connect(str(path.resolve()), read_only=True)
    try:
        return con.execute("select value from kpi.kpi_value").fetchall()[0][0]
    finally:
        con.close()


def test_a_generation_has_the_marts_and_no_raw(config: Settings) -> None:
    made = publish(config, NOW, "f")
    con = duckdb.connect(str(config.published.resolve()), read_only=True)
    schemas = {s for (s,) in con.execute("select distinct table_schema from information_schema.tables").fetchall()}
    assert schemas == {"kpi", "canonical", "quality", "main"}
    assert con.execute("select number, model_fingerprint from generation").fetchall() == [(made.number, "f")]
    written = config.published.resolve().read_bytes()
    assert b"secret person" not in written
    assert b"Ann Onymous" not in written
    assert con.execute("select * from canonical.dim_resource").fetchall() == [("R1",)]


def test_a_reader_of_the_old_generation_is_not_disturbed(config: Settings) -> None:
    publish(config, NOW, "f")
    reader = duckdb.connect(str(config.published.resolve()), read_only=True)
    con = duckdb.connect(str(config.warehouse))
    con.execute("update kpi.kpi_value set value = 2")
    con.close()
    publish(config, NOW, "f")
    assert reader.execute("select value from kpi.kpi_value").fetchall() == [(1,)]
    assert _value(config.published) == 2


def test_a_generation_that_can_not_be_read_is_not_published(config: Settings) -> None:
    publish(config, NOW, "f")
    con = duckdb.connect(str(config.warehouse))
    con.execute("drop table kpi.kpi_value")
    con.close()
    with pytest.raises(PublishRefused, match="the previous one stays"):
        publish(config, NOW, "f")
    assert _value(config.published) == 1


def test_only_the_last_generations_are_kept(config: Settings) -> None:
    for _ in range(6):
        publish(config, NOW, "f")
    assert len(list(config.published.parent.glob("published.g*.duckdb"))) == 3
    assert _value(config.published) == 1


def test_tables_that_changed_since_they_were_judged_are_not_published(config: Settings) -> None:
    publish(config, NOW, "f")
    con = duckdb.connect(str(config.warehouse))
    con.execute("insert into canonical.dim_customer values ('Sneaked in')")
    con.execute("update kpi.kpi_value set value = 2")
    con.close()
    with pytest.raises(verdicts.GateError, match="has not been judged"):
        publish(config, NOW, "f")
    assert _value(config.published) == 1


def test_a_red_verdict_keeps_the_previous_generation(config: Settings) -> None:
    publish(config, NOW, "f")
    _judge(config, passed=False)
    with pytest.raises(verdicts.GateError, match="totals do not tie"):
        publish(config, NOW, "f")
    assert len(list(config.published.parent.glob("published.g*.duckdb"))) == 1
