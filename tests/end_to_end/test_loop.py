"""The whole loop on the simulated firm over HTTP: what must be true after a run, a second run, and a week.

One firm, one state, in this order; each test reads what the loop left. The checks look into the fakes themselves and
compare with the firm's known answers, which share no code with the platform.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.clock import FileClock
from orchestration.cli import _dagster_home
from orchestration.loop import Outcome, run_loop
from orchestration.platform import Platform, platform
from sandbox import answers
from sandbox.server import Servers, firm_truth
from sandbox.truth import Truth

pytestmark = pytest.mark.slow
CENT = Decimal("0.01")


@dataclass
class Firm:
    """The running firm, its platform, and what each loop did."""

    truth: Truth
    servers: Servers
    platform: Platform
    first: Outcome
    second: Outcome
    expected: answers.LoopExpectation
    commits_after_first: dict[str, int]

    def ask(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        con = duckdb.connect(str(self.platform.config.published.resolve()), read_only=True)
        try:
            return con.execute(sql, list(params)).fetchall()
        finally:
            con.close()

    def commits(self) -> dict[str, int]:
        return commits(self.servers)

    def loop(self) -> Outcome:
        """One more loop, in a fresh platform as a new command would have."""
        self.platform = platform()
        return run_loop(self.platform)


def commits(servers: Servers) -> dict[str, int]:
    """Writes of ours that took effect. Kantata keeps what hangs on a workspace as records of their own."""
    return {
        name: sum(name != "kantata" or c.object == "workspaces" for c in fake.store.commits())
        for name, fake in servers.fakes.items()
    }


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    state = tmp_path_factory.mktemp("state")
    patch = pytest.MonkeyPatch()
    patch.setenv("THROUGHLINE_STATE_DIR", str(state))
    patch.setenv("THROUGHLINE_FIRM", "sandbox")
    here = platform()
    clock = here.clock
    assert isinstance(clock, FileClock)
    truth = firm_truth(here.config)
    expected = answers.loop_expectations(truth, clock.now())
    servers = Servers(Path(here.config.home) / "systems", clock, truth).start()
    for name, value in servers.environment().items():
        patch.setenv(name, value)
    patch.setenv("DAGSTER_HOME", os.environ.get("DAGSTER_HOME", ""))
    _dagster_home(here.config)
    try:
        first = run_loop(here)
        assert first.error is None, first.error
        after_first = commits(servers)
        again = platform()
        second = run_loop(again)
        assert second.error is None, second.error
        yield Firm(truth, servers, again, first, second, expected, after_first)
    finally:
        servers.stop()
        patch.undo()


def _provisionable(firm: Firm) -> list[str]:
    return answers.eligible_for_provisioning(firm.truth, firm.platform.clock.now())


def test_every_won_and_approved_deal_has_one_customer_one_project_one_schedule_and_its_ids_are_in_the_crm(
    firm: Firm,
) -> None:
    from sandbox.fakes.kantata import created_keys
    from sandbox.project import salesforce

    deals = _provisionable(firm)
    assert len(deals) > 50
    crm = firm.servers.fakes["salesforce"].store
    projects = Counter(created_keys(firm.servers.fakes["kantata"].store))
    schedules = Counter(
        str(r.record.get("externalid") or r.record.get("externalId"))
        for r in firm.servers.fakes["netsuite"].store.select("customrecord_billing_schedule")
    )
    customers = Counter(
        str(r.record.get("externalid") or r.record.get("externalId"))
        for r in firm.servers.fakes["netsuite"].store.select("customer")
    )
    for deal in deals:
        opportunity = salesforce.native_id("opportunity", deal)
        record = crm.get("Opportunity", opportunity)
        assert record is not None
        for field in ("PSA_Project_Id__c", "ERP_Customer_Id__c", "Billing_Schedule_Id__c"):
            assert record.record[field], (deal, field)
        assert firm.servers.fakes["kantata"].store.get("workspaces", str(record.record["PSA_Project_Id__c"]))
        assert schedules[f"opp_{opportunity}_1"] == 1, deal
        assert customers[f"salesforce_{record.record['AccountId']}"] == 1, deal
    assert set(projects.values()) == {1}
    assert len(projects) >= len(firm.expected.to_create)


def test_the_first_run_created_only_what_was_missing(firm: Firm) -> None:
    created = {row["sync"]: row["created"] for row in firm.first.delivered}
    assert created["kantata__project"] == len(firm.expected.to_create)
    assert created["netsuite__billing_schedule"] == len(firm.expected.to_create)
    assert created["netsuite__customer"] == len(firm.expected.new_customers)
    invoices = {i.id for i in firm.truth.invoices if i.document_type == "invoice"}
    assert created["salesforce__invoice_status"] == len(invoices & set(firm.expected.posted_invoices))
    assert created["netsuite__time_entry"] > 100


def test_a_second_run_reads_nothing_new_and_sends_nothing(firm: Firm) -> None:
    assert not firm.second.changed
    assert firm.second.sent == 0
    assert firm.commits_after_first == firm.commits()


def test_each_target_has_one_create_per_key(firm: Firm) -> None:
    for name, fake in firm.servers.fakes.items():
        creates = Counter((c.object, c.key) for c in fake.store.commits() if c.op == "create")
        assert not [k for k, n in creates.items() if n > 1], name


def test_rows_in_are_rows_accepted_plus_rows_quarantined_and_each_defect_is_caught(firm: Firm) -> None:
    totals = firm.ask("select sum(rows_in), sum(accepted), sum(quarantined) from quality.arrival")[0]
    assert totals[0] == totals[1] + totals[2]
    caught = {(rule, system) for rule, system in firm.ask("select distinct rule, system from quality.quarantine")}
    assert {(d.rule, d.system) for d in firm.truth.defects} == caught


def test_quarantined_money_is_in_kpi_value_as_excluded(firm: Firm) -> None:
    held = firm.ask(
        "select sum(amount) from quality.quarantine where rule in ('time_hours_in_range', 'time_project_known')"
    )
    shown = firm.ask(
        "select count(*) from kpi.kpi_value where measure = 'unbilled_wip' and n_excluded > 0 and excluded_amount > 0"
    )
    assert held[0][0] > 0
    assert shown[0][0] > 0


def test_unbilled_wip_equals_the_known_answers_to_the_cent_at_every_month_end(firm: Firm) -> None:
    now = firm.platform.clock.now()
    computed = {
        (entity, period, basis, currency): value
        for entity, period, basis, currency, value in firm.ask(
            "select legal_entity_code, period, basis, currency, value from kpi.kpi_value "
            "where measure = 'unbilled_wip' and dimension = 'none' and legal_entity_code <> 'all'"
        )
    }
    checked = 0
    for point in answers.reporting_points(firm.truth, now):
        known = answers.unbilled_wip(firm.truth, point.legal_entity_id, point.as_of, point.knowledge_at)
        for currency, amount in known.items():
            got = Decimal(str(computed.get((point.legal_entity_id, point.period, point.basis, currency)) or 0))
            assert abs(got - amount) < CENT, (point, currency, got, amount)
            checked += 1
    assert checked >= 2 * 2 * 24


def test_billing_latency_equals_the_known_answers(firm: Firm) -> None:
    computed = {
        (entity, period, basis): (n, value)
        for entity, period, basis, n, value in firm.ask(
            "select legal_entity_code, period, basis, n, value from kpi.kpi_value where measure = 'billing_latency_days' "
            "and dimension = 'weighting' and dimension_value = 'amount' and legal_entity_code <> 'all'"
        )
    }
    checked = 0
    for point in answers.reporting_points(firm.truth, firm.platform.clock.now()):
        known = answers.billing_latency(firm.truth, point.legal_entity_id, point.period, point.knowledge_at)
        if known.n == 0:
            continue
        n, value = computed[(point.legal_entity_id, point.period, point.basis)]
        assert n == known.n, point
        assert float(value) == pytest.approx(float(known.value), abs=1e-6), point
        checked += 1
    assert checked > 60


def test_cycle_time_equals_the_known_answers(firm: Firm) -> None:
    computed = {
        (entity, period, basis, statistic): (n, value)
        for entity, period, basis, statistic, n, value in firm.ask(
            "select legal_entity_code, period, basis, dimension_value, n, value from kpi.kpi_value "
            "where measure = 'quote_to_project_days' and dimension = 'statistic' and legal_entity_code <> 'all'"
        )
    }
    checked = 0
    for point in answers.reporting_points(firm.truth, firm.platform.clock.now()):
        if point.is_provisional:
            continue  # the projects that our own push created are in it; the firm's ledger does not know them
        known = answers.quote_to_project(firm.truth, point.legal_entity_id, point.period, point.knowledge_at)
        if known.n == 0:
            continue
        for statistic in ("mean", "median", "p90"):
            n, value = computed[(point.legal_entity_id, point.period, point.basis, statistic)]
            assert n == known.n, point
            assert float(value) == pytest.approx(float(getattr(known, statistic)), abs=1e-6), (point, statistic)
            checked += 1
    assert checked > 100


def test_as_reported_and_restated_differ_where_the_firm_was_late_or_changed_a_rate(firm: Firm) -> None:
    rows = firm.ask(
        """
        select legal_entity_code, period, max(value) filter (basis = 'restated') - max(value) filter (basis = 'as_reported')
        from kpi.kpi_value
        where measure = 'unbilled_wip' and dimension = 'none' and not is_provisional and legal_entity_code <> 'all'
        group by legal_entity_code, period, currency
        """
    )
    changed = {entity for entity, _, difference in rows if difference and abs(difference) > CENT}
    assert changed == {"DE01", "US01"}


def test_after_a_week_only_what_changed_is_sent(firm: Firm) -> None:
    before = firm.commits()
    desired = sum(
        firm.ask(f"select count(*) from sync.{spec.relation} where eligible")[0][0] for spec in firm.platform.syncs()
    )
    firm.servers.tick(7)
    week = firm.loop()
    assert week.error is None, week.error
    assert week.changed
    assert week.sent > 0
    sent = sum(firm.commits().values()) - sum(before.values())
    assert sent == week.sent
    assert sent < desired / 3
    quiet = firm.loop()
    assert quiet.error is None, quiet.error
    assert quiet.sent == 0
    test_every_won_and_approved_deal_has_one_customer_one_project_one_schedule_and_its_ids_are_in_the_crm(firm)
    test_each_target_has_one_create_per_key(firm)


def test_the_firm_books_time_on_a_project_that_our_push_created(firm: Firm) -> None:
    ours = {c.key for c in firm.servers.fakes["kantata"].store.commits("workspaces") if c.op == "create"}
    entries = [
        e for e in firm.servers.fakes["kantata"].store.select("time_entries") if str(e.record["workspace_id"]) in ours
    ]
    assert entries
    con = firm.ask(
        "select count(*) from canonical.fct_time_entry as t join canonical.dim_project as p using (project_key) "
        "where p.source_id in (select unnest($1::varchar[]))",
        sorted(ours),
    )
    assert con[0][0] >= len(entries)
    assert firm.platform.clock.now() >= firm.truth.today + timedelta(days=7)
