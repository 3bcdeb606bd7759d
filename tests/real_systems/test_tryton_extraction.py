"""From a real Tryton to canonical columns: nothing is lost on the way, and the money is Tryton's own.

Tryton's own means its ledger and its own functions, asked apart from what is loaded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from common.clock import SystemClock
from common.settings import Settings
from ingestion.pipeline import LoadReport, load
from ingestion.sources.tryton import SOURCE
from orchestration.dbt import Dbt
from quality.runner import run_raw
from sandbox.tryton.server import Handle
from systems.tryton.client import Client


@dataclass
class Loaded:
    """A warehouse of the whole firm, built up to mapping."""

    config: Settings
    client: Client
    first: LoadReport
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def loaded(
    tryton: Handle, connect: Callable[..., Client], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("warehouse")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("THROUGHLINE_STATE_DIR", str(folder))
        environment.setenv("THROUGHLINE_FIRM", "tryton")
        config = Settings()
        client = connect(tryton)
        first = load(SOURCE, config, SystemClock(), reader=client)
        report = run_raw(config.warehouse, "tryton", SystemClock().now())
        assert (report.accepted, report.quarantined) == (first.rows_kept, {})
        Dbt(config, SystemClock()).build(["path:seeds", "path:models/staging/tryton", "path:models/mapping"])
        con = duckdb.connect(str(config.warehouse))
        yield Loaded(config, client, first, con)
        con.close()


def test_every_row_of_tryton_is_in_raw_once(loaded: Loaded) -> None:
    for resource in SOURCE.resources:
        if resource.object.endswith("@history"):
            continue
        rows, ids = loaded.rows(f"select count(*), count(distinct id) from raw_tryton.{resource.table}")[0]
        assert rows == ids == loaded.client.count(resource.object, [["id", ">=", -1]]), resource.table


def test_a_second_load_keeps_nothing(loaded: Loaded) -> None:
    loaded.connection.close()
    again = load(SOURCE, loaded.config, SystemClock(), reader=loaded.client)
    loaded.connection = duckdb.connect(str(loaded.config.warehouse))
    assert again.rows_read > 0
    assert again.rows_kept == 0


def test_the_year_is_as_large_as_it_should_be(loaded: Loaded) -> None:
    def count(question: str) -> int:
        return int(loaded.rows(question)[0][0])

    assert count("select count(*) from mapping.map_opportunity__tryton") >= 40
    assert count("select count(*) from mapping.map_project__tryton") >= 20
    assert count("select count(*) from mapping.map_time_entry__tryton") >= 1500
    assert count("select count(*) from mapping.map_invoice__tryton where posted_at is not null") >= 120
    assert count("select count(*) from mapping.map_invoice__tryton where status = 'partly_paid'") >= 5
    assert count("select count(*) from mapping.map_invoice__tryton where document_type = 'credit_memo'") >= 4
    assert count("select count(*) from mapping.map_opportunity__tryton where stage = 'closed_lost'") >= 5
    methods = loaded.rows("select distinct billing_method from mapping.map_project__tryton order by 1")
    assert methods == [("fixed_fee",), ("milestone",), ("time_and_materials",)]
    # Won and approved, and nobody has opened a project: what our push is for.
    waiting = """
        select count(*)
        from mapping.map_opportunity__tryton as o
        left join mapping.map_project__tryton as p on p.opportunity_ref = 'tryton:' || o.source_id
        where o.is_won and o.is_services and o.contract_approved_at is not null and p.source_id is null
    """
    assert count(waiting) >= 5


def test_an_approval_came_after_its_month_was_closed(loaded: Loaded) -> None:
    late = """
        select count(*)
        from mapping.map_time_entry__tryton as t
        inner join mapping.map_accounting_period__tryton as p
            on t.work_date between p.start_date and p.end_date and t.approved_at > p.closed_at
    """
    assert loaded.rows(late)[0][0] >= 5


def test_the_sums_by_invoice_are_those_of_trytons_ledger(loaded: Loaded) -> None:
    """Gross by document is what its posting debits the client; net is what it credits revenue."""
    moves = loaded.client.find("account.invoice", [["type", "=", "out"], ["move", "!=", None]], ["move"])
    invoice_of = {row["move"]: str(row["id"]) for row in moves}
    gross: dict[str, Decimal] = defaultdict(Decimal)
    net: dict[str, Decimal] = defaultdict(Decimal)
    entries = loaded.client.find(
        "account.move.line",
        [["move", "in", list(invoice_of)]],
        ["move", "debit", "credit", "account__type__receivable", "account__type__revenue"],
    )
    for entry in entries:
        amount = Decimal(entry["debit"]) - Decimal(entry["credit"])
        if entry["account__type__receivable"]:
            gross[invoice_of[entry["move"]]] += amount
        elif entry["account__type__revenue"]:
            net[invoice_of[entry["move"]]] -= amount
    told = loaded.rows(
        "select source_id, gross_amount, net_amount from mapping.map_invoice__tryton where posted_at is not null"
    )
    assert {row[0]: (row[1], row[2]) for row in told} == {i: (gross[i], net[i]) for i in invoice_of.values()}


def test_the_lines_of_every_document_add_up_to_it(loaded: Loaded) -> None:
    torn = """
        select i.source_id, i.net_amount, sum(l.net_amount)
        from mapping.map_invoice__tryton as i
        left join mapping.map_invoice_line__tryton as l on i.source_id = l.invoice_source_id
        group by i.source_id, i.net_amount
        having sum(l.net_amount) is distinct from i.net_amount
    """
    assert loaded.rows(torn) == []
    twice = "select source_id from mapping.map_invoice_line__tryton group by source_id having count(*) > 1"
    assert loaded.rows(twice) == []


def test_what_is_open_is_what_tryton_says(loaded: Loaded) -> None:
    open_ = loaded.client.find("account.invoice", [["type", "=", "out"], ["state", "=", "posted"]], ["amount_to_pay"])
    told = loaded.rows("select source_id, open_amount from mapping.map_invoice__tryton where open_amount <> 0")
    assert dict(told) == {str(row["id"]): Decimal(row["amount_to_pay"]) for row in open_}
    paid = """
        select i.source_id
        from mapping.map_invoice__tryton as i
        left join mapping.map_payment__tryton as p on i.source_id = p.invoice_source_id
        where i.status in ('paid', 'partly_paid', 'posted') and i.document_type = 'invoice'
        group by i.source_id, i.gross_amount, i.open_amount
        having i.gross_amount - i.open_amount <> coalesce(sum(p.amount), 0)
    """
    assert loaded.rows(paid) == []


def test_hours_and_stages_are_trytons_own(loaded: Loaded) -> None:
    lines = loaded.client.find("timesheet.line", [], ["duration"])
    told = loaded.rows("select source_id, hours from mapping.map_time_entry__tryton")
    assert {row[0]: float(row[1]) for row in told} == {str(r["id"]): r["duration"] / 3600 for r in lines}
    # The latest event of each deal is where it stands.
    apart = """
        select o.source_id
        from mapping.map_opportunity__tryton as o
        inner join (
            select opportunity_source_id, max_by(stage, occurred_at) as stage
            from mapping.map_opportunity_stage_event__tryton
            group by opportunity_source_id
        ) as e on o.source_id = e.opportunity_source_id
        where o.stage <> e.stage
    """
    assert loaded.rows(apart) == []


def test_nothing_is_dated_after_today(loaded: Loaded) -> None:
    now = SystemClock().now().replace(tzinfo=None)
    for model, column in (
        ("map_invoice__tryton", "posted_at"),
        ("map_time_entry__tryton", "approved_at"),
        ("map_opportunity_stage_event__tryton", "occurred_at"),
        ("map_project_status_event__tryton", "occurred_at"),
        ("map_accounting_period__tryton", "closed_at"),
    ):
        ((latest,),) = loaded.rows(f"select max({column}) from mapping.{model}")
        assert latest <= now, (model, column)
