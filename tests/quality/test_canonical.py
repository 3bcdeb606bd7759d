"""The canonical gate: green where totals tie, red where a row is lost, doubled or left hanging."""

from __future__ import annotations

import duckdb
import pytest

from quality.runner import canonical_batch, run_canonical
from quality.verdict import GateError, latest, require

SYSTEMS = ("salesforce", "kantata", "netsuite", "bamboohr")

MODEL = """
create schema mapping; create schema canonical;
create table mapping.map_legal_entity__netsuite as
    select 'netsuite' as source_system, 'main' as source_instance, '1' as source_id, 'DE01' as code;
create table mapping.map_invoice__netsuite as select * from (values
    ('netsuite', 'main', '10', '1', 'invoice', 'EUR', date '2026-03-05', 100.0, false),
    ('netsuite', 'main', '11', '1', 'invoice', 'EUR', date '2026-04-05', 50.0, false),
    ('netsuite', 'main', '12', '1', 'credit_memo', 'EUR', date '2026-04-06', -50.0, false)
) as v(source_system, source_instance, source_id, legal_entity_source_id, document_type, currency, invoice_date,
    net_amount, is_deleted);
create table mapping.map_invoice_line__netsuite as select * from (values
    ('netsuite', 'main', '101', '10', 60.0, false), ('netsuite', 'main', '102', '10', 40.0, false),
    ('netsuite', 'main', '111', '11', 50.0, false), ('netsuite', 'main', '121', '12', -50.0, false),
    ('netsuite', 'main', '991', '99', 7.0, false), ('netsuite', 'main', '103', '10', 8.0, true)
) as v(source_system, source_instance, source_id, invoice_source_id, net_amount, is_deleted);
create table mapping.map_payment__netsuite as select
    'netsuite' as source_system, 'main' as source_instance, '5' as source_id, 'EUR' as currency,
    date '2026-04-20' as received_date, cast(119 as decimal(18, 4)) as amount;
create table mapping.map_time_entry__kantata as select * from (values
    ('kantata', 'main', 't1', date '2026-03-02', 8.0, null, false, null::timestamp),
    ('kantata', 'main', 't1', date '2026-03-02', 6.0, null, false, timestamp '2026-03-09'),
    ('kantata', 'main', 't2', date '2026-03-03', 4.0, null, true, null),
    ('kantata', 'main', 't3', date '2026-03-04', 2.0, null, false, null)
) as v(source_system, source_instance, source_id, work_date, hours, external_ref, is_deleted, known_to);
create table mapping.map_opportunity__salesforce as select 'salesforce' as source_system, 'main' as source_instance,
    unnest(['o1', 'o2']) as source_id;
create table mapping.map_project__kantata as select 'kantata' as source_system, 'main' as source_instance, '41' as source_id;
create table canonical.dim_customer as select 'c1' as customer_key;
create table canonical.dim_opportunity as select unnest(['o1', 'o2']) as opportunity_key, 'salesforce' as source_system;
create table canonical.dim_project as select 'p1' as project_key, 'kantata' as source_system;
create table canonical.fct_time_entry as select * from (values
    ('t1b', 'kantata', 'p1', '41', date '2026-03-02', 8.0, true, false),
    ('t1a', 'kantata', 'p1', '41', date '2026-03-02', 6.0, false, false),
    ('t2', 'kantata', 'p1', '41', date '2026-03-03', 4.0, true, true),
    ('t3', 'kantata', null, '42', date '2026-03-04', 2.0, true, false)
) as v(time_entry_version_sk, source_system, project_key, project_source_id, work_date, hours, is_current, is_deleted);
create table canonical.fct_invoice as select * from (values
    ('i10', 'netsuite', 'EUR', 100.0, 'c1', 'e1', timestamp '2026-03-05', false),
    ('i11', 'netsuite', 'EUR', 50.0, 'c1', 'e1', timestamp '2026-04-05', false)
) as v(invoice_key, source_system, currency, net_amount, customer_key, legal_entity_key, posted_at, is_deleted);
create table canonical.fct_credit_memo as select 'm12' as credit_memo_key, 'netsuite' as source_system,
    'EUR' as currency, -50.0 as net_amount, timestamp '2026-04-06' as posted_at, false as is_deleted;
create table canonical.fct_invoice_line as select * from (values
    ('l1', 'i10', 'DE01', date '2026-03-05', 60.0), ('l2', 'i10', 'DE01', date '2026-03-05', 40.0),
    ('l3', 'i11', 'DE01', date '2026-04-05', 50.0), ('l4', 'm12', 'DE01', date '2026-04-06', -50.0)
) as v(invoice_line_key, document_key, legal_entity_code, invoice_date, net_amount);
create table canonical.fct_payment as select 'y5' as payment_key, 'netsuite' as source_system, 'EUR' as currency,
    date '2026-04-20' as received_date, cast(119 as decimal(18, 4)) as amount;
"""


@pytest.fixture
def model(tmp_path, now) -> duckdb.DuckDBPyConnection:
    from quality.verdict import ensure_tables

    con = duckdb.connect(str(tmp_path / "w.duckdb"))
    ensure_tables(con)
    con.execute(MODEL)
    # Time entry t3 is booked on project 42, which quarantine holds: known, counted, and no reason to stop.
    con.execute(
        "insert into quality.quarantine values ('kantata', 'workspaces', 'main', '42', 'h', 'project_currency_known', "
        "'why', null, null, ?, 'l', null)",
        [now],
    )
    return con


def test_a_model_that_ties_is_green_and_its_verdict_is_kept_for_exactly_these_tables(model, now) -> None:
    verdict = run_canonical(model, SYSTEMS, now)
    assert verdict.passed, verdict.failures
    assert len(verdict.evidence["rules"]) >= 12
    batch = canonical_batch(model)
    assert require(model, "canonical", "canonical", batch) == verdict
    model.execute("update canonical.fct_invoice set net_amount = 101 where invoice_key = 'i10'")
    with pytest.raises(GateError, match="has not been judged"):
        require(model, "canonical", "canonical", canonical_batch(model))


DAMAGE = [
    ("invoice_lines_tie", "delete from canonical.fct_invoice_line where invoice_line_key = 'l2'"),
    ("invoice_lines_tie", "insert into canonical.fct_invoice_line select * from canonical.fct_invoice_line limit 1"),
    ("invoice_lines_tie", "update canonical.fct_invoice_line set legal_entity_code = null"),
    (
        "invoice_lines_tie",
        "update canonical.fct_invoice_line set invoice_date = '2026-05-01' where document_key = 'i11'",
    ),
    ("lines_sum_to_net", "delete from canonical.fct_invoice_line where document_key = 'm12'"),
    ("documents_tie", "delete from canonical.fct_invoice where invoice_key = 'i11'"),
    ("documents_tie", "delete from canonical.fct_credit_memo"),
    ("payments_tie", "update canonical.fct_payment set amount = 118.99"),
    ("hours_tie", "update canonical.fct_time_entry set hours = 7.5 where time_entry_version_sk = 't1b'"),
    ("hours_tie", "update canonical.fct_time_entry set is_current = true"),
    ("opportunity_rows_tie", "delete from canonical.dim_opportunity where opportunity_key = 'o2'"),
    ("project_rows_tie", "insert into canonical.dim_project values ('p1', 'kantata')"),
    ("time_has_project", "update canonical.fct_time_entry set project_key = null where time_entry_version_sk = 't1b'"),
    ("time_has_project", "update quality.quarantine set resolved_at = detected_at"),
    ("invoice_has_customer_and_entity", "update canonical.fct_invoice set customer_key = null"),
    ("customers_are_there", "delete from canonical.dim_customer"),
]


@pytest.mark.parametrize(("rule", "damage"), DAMAGE, ids=[f"{rule}{n}" for n, (rule, _) in enumerate(DAMAGE)])
def test_damage_shuts_the_gate(model, now, rule, damage) -> None:
    model.execute(damage)
    verdict = run_canonical(model, SYSTEMS, now)
    assert not verdict.passed
    assert rule in {r["rule"] for r in verdict.evidence["rules"] if not r["passed"]}
    assert latest(model, "canonical", "canonical", canonical_batch(model)) == verdict


@pytest.mark.parametrize("gone", ["canonical.fct_payment", "mapping.map_time_entry__kantata"])
def test_a_model_that_is_not_there_shuts_the_gate(model, now, gone) -> None:
    model.execute(f"drop table {gone}")
    verdict = run_canonical(model, SYSTEMS, now)
    assert not verdict.passed
    assert any("could not be judged" in failure for failure in verdict.failures)


def test_the_fingerprint_sees_every_row(model) -> None:
    before = canonical_batch(model)
    model.execute("update canonical.fct_time_entry set hours = hours")
    assert canonical_batch(model) == before
    model.execute("insert into canonical.fct_payment select * from canonical.fct_payment")
    assert canonical_batch(model) != before
