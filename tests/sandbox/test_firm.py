"""The simulated firm: the same every time, of the promised size, coherent, with every scenario in it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sandbox.firm import build
from sandbox.truth import Amendment, Contract, Invoice, Project, StatusEvent, TimeEntry, Truth

START = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SEED = 20261015
HORIZON = START + timedelta(days=60)
RULES = {
    "account_country_known",
    "opportunity_amount_present",
    "time_hours_in_range",
    "time_project_known",
    "project_currency_known",
    "invoice_currency_present",
    "invoice_lines_sum_to_header",
    "employee_email_present",
}


@pytest.fixture(scope="module")
def firm() -> Truth:
    return build(START, SEED)


@pytest.fixture(scope="module")
def bad(firm: Truth) -> set[str]:
    return {defect.record_id for defect in firm.defects}


@pytest.fixture(scope="module", params=[(SEED, 1.0), (7, 1.0), (SEED, 0.15)], ids=["default", "other-seed", "small"])
def any_firm(request: pytest.FixtureRequest) -> Truth:
    seed, scale = request.param
    return build(START, seed, scale)


def digest(truth: Truth) -> str:
    return hashlib.sha256(repr(truth).encode()).hexdigest()


def zone(truth: Truth, entity: str) -> ZoneInfo:
    return ZoneInfo(next(e.time_zone for e in truth.legal_entities if e.id == entity))


def status_at(events: tuple[StatusEvent, ...], at: datetime) -> str | None:
    return next((event.status for event in reversed(events) if event.at <= at), None)


def good_entries(truth: Truth) -> list[TimeEntry]:
    wrong = {defect.record_id for defect in truth.defects}
    return [entry for entry in truth.time_entries if entry.id not in wrong]


def good_invoices(truth: Truth) -> list[Invoice]:
    wrong = {defect.record_id for defect in truth.defects}
    return [invoice for invoice in truth.invoices if invoice.id not in wrong]


# --- the same every time ---------------------------------------------------------------------------------------


def test_same_seed_same_firm_whatever_the_hash_order(firm: Truth) -> None:
    program = (
        "import hashlib; from datetime import datetime, UTC; from sandbox.firm import build; "
        f"print(hashlib.sha256(repr(build(datetime(2026, 10, 15, 6, tzinfo=UTC), {SEED})).encode()).hexdigest())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[2],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == digest(firm)


def test_another_seed_is_another_firm() -> None:
    assert digest(build(START, 1, 0.1)) != digest(build(START, 2, 0.1))


def test_another_day_moves_the_firm() -> None:
    firm = build(datetime(2025, 3, 3, 7, 30, tzinfo=UTC), SEED, 0.1)
    assert firm.today == datetime(2025, 3, 3, 7, 30, tzinfo=UTC)
    assert firm.start == datetime(2023, 3, 1, tzinfo=UTC)
    assert max(e.created_at for e in firm.time_entries) > firm.today


def test_it_is_quick() -> None:
    before = time.process_time()
    build(START, SEED)
    assert time.process_time() - before < 4


@pytest.mark.parametrize(("start", "scale"), [(datetime(2026, 10, 15, 6), 1.0), (START, 0.0)])  # noqa: DTZ001
def test_nonsense_is_refused(start: datetime, scale: float) -> None:
    with pytest.raises(ValueError, match="aware start"):
        build(start, SEED, scale)


# --- its size --------------------------------------------------------------------------------------------------


def test_volumes(firm: Truth, bad: set[str]) -> None:
    def count(records: tuple[object, ...]) -> int:
        return sum(record.id not in bad for record in records)  # type: ignore[attr-defined]

    assert 58 <= count(firm.resources) <= 62
    assert 115 <= count(firm.customers) <= 125
    assert 390 <= count(firm.opportunities) <= 410
    assert 145 <= count(firm.projects) <= 165
    assert 55_000 <= count(firm.time_entries) <= 66_000
    assert 2_200 <= count(firm.invoices) <= 2_800
    assert len(firm.payments) > 1_700
    assert len(firm.periods) == 2 * 27


def test_scale_multiplies(firm: Truth) -> None:
    half = build(START, SEED, 0.5)
    assert 0.4 < len(half.time_entries) / len(firm.time_entries) < 0.6
    assert 0.4 < len(half.projects) / len(firm.projects) < 0.6


def test_half_of_the_deals_are_billed_by_the_hour(firm: Truth) -> None:
    methods = Counter(contract.lines[0].billing_method for contract in firm.contracts)
    assert 0.4 < methods["time_and_materials"] / len(firm.contracts) < 0.6
    assert all(methods[method] >= 12 for method in ("fixed_fee", "milestone", "retainer"))
    for contract in firm.contracts:
        assert {
            "time_and_materials": "as_billed",
            "fixed_fee": "poc_hours",
            "milestone": "on_acceptance",
            "retainer": "ratable_daily",
        }[contract.lines[0].billing_method] == contract.lines[0].revenue_method


# --- it hangs together -----------------------------------------------------------------------------------------


def test_ids_are_unique(any_firm: Truth) -> None:
    for kind in (
        "periods", "customers", "opportunities", "contracts", "amendments", "projects", "resources", "time_entries",
        "milestones", "invoices", "payments",
    ):  # fmt: skip
        ids = [record.id for record in getattr(any_firm, kind)]
        assert len(ids) == len(set(ids)), kind
    numbers = [(i.legal_entity_id, i.number) for i in any_firm.invoices]
    assert len(numbers) == len(set(numbers))
    assert len({(c.name) for c in any_firm.customers}) == len(any_firm.customers)
    assert len({r.email for r in any_firm.resources if r.email}) == sum(bool(r.email) for r in any_firm.resources)


def test_references_lead_somewhere(any_firm: Truth) -> None:
    t = any_firm
    customers, deals = {c.id: c for c in t.customers}, {o.id: o for o in t.opportunities}
    contracts, projects = {c.id: c for c in t.contracts}, {p.id: p for p in t.projects}
    people, invoices = {r.id for r in t.resources}, {i.id for i in t.invoices}
    entries, milestones = {e.id: e for e in t.time_entries}, {m.id: m for m in t.milestones}
    lines = {line.id for c in t.contracts for line in c.lines}
    cards = {line.rate_card_id for line in t.rate_card_lines}
    unknown = {d.record_id for d in t.defects if d.rule == "time_project_known"}
    assert all(c.parent_id is None or customers[c.parent_id].created_at <= c.created_at for c in t.customers)
    assert all(o.customer_id in customers for o in t.opportunities)
    for contract in t.contracts:
        deal = deals[contract.opportunity_id]
        assert (contract.customer_id, contract.currency, contract.legal_entity_id) == (
            deal.customer_id, deal.currency, deal.legal_entity_id,
        )  # fmt: skip
        assert contract.lines[0].rate_card_id in cards
    assert all(a.contract_id in contracts for a in t.amendments)
    for project in t.projects:
        assert project.customer_id in customers
        assert project.manager_id in people
        assert (project.opportunity_id is None) == (project.contract_id is None)
        if project.contract_id:
            assert contracts[project.contract_id].opportunity_id == project.opportunity_id
            assert contracts[project.contract_id].currency == project.currency
    for entry in t.time_entries:
        assert entry.resource_id in people
        assert (entry.project_id in projects) == (entry.id not in unknown)
        assert entry.replaces_id is None or entries[entry.replaces_id].work_date == entry.work_date
    assert all(m.project_id in projects and m.contract_line_id in lines for m in t.milestones)
    for invoice in t.invoices:
        project = projects[invoice.project_id]
        assert (invoice.contract_id, invoice.customer_id, invoice.currency, invoice.legal_entity_id) == (
            project.contract_id, project.customer_id, project.currency, project.legal_entity_id,
        )  # fmt: skip
        assert {invoice.corrects_id, invoice.rebill_of_id} - {None} <= invoices
        for line in invoice.lines:
            assert line.time_entry_id is None or entries[line.time_entry_id].project_id == project.id
            assert line.milestone_id is None or milestones[line.milestone_id].project_id == project.id
    assert all(p.invoice_id in invoices for p in t.payments)
    assert len({p.contract_id for p in t.projects if p.contract_id}) == len(t.contracts)


def test_nothing_refers_to_a_bogus_record(any_firm: Truth) -> None:
    t, wrong = any_firm, {defect.record_id for defect in any_firm.defects}
    used: set[str | None] = set()
    for deal in t.opportunities:
        used.add(deal.customer_id)
    for project in t.projects:
        used |= {project.opportunity_id, project.customer_id, project.manager_id}
    for entry in t.time_entries:
        used |= {entry.project_id, entry.resource_id, entry.replaces_id}
    for contract in t.contracts:
        used |= {contract.opportunity_id, contract.customer_id}
    for invoice in t.invoices:
        used |= {invoice.project_id, invoice.customer_id, invoice.corrects_id, invoice.rebill_of_id}
        used |= {line.time_entry_id for line in invoice.lines}
    used |= {payment.invoice_id for payment in t.payments}
    used |= {person.manager_id for person in t.resources} | {c.parent_id for c in t.customers}
    assert not used & wrong


def test_no_time_before_hire_or_after_leaving_or_outside_the_project(any_firm: Truth) -> None:
    people = {r.id: r for r in any_firm.resources}
    projects = {p.id: p for p in any_firm.projects}
    for entry in good_entries(any_firm):
        person, project = people[entry.resource_id], projects[entry.project_id]
        assert person.hire_date <= entry.work_date
        assert person.termination_date is None or entry.work_date <= person.termination_date
        assert person.legal_entity_id == project.legal_entity_id
        if project.created_at is not None:
            at = datetime.combine(entry.work_date, datetime.max.time(), zone(any_firm, project.legal_entity_id))
            assert status_at(project.statuses, at) == "active"


def test_hours_are_plausible(any_firm: Truth) -> None:
    day_total: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for entry in good_entries(any_firm):
        assert entry.hours > 0
        assert entry.hours % Decimal("0.25") == 0
        assert entry.work_date.weekday() < 5
        if not any(event.status == "rejected" for event in entry.statuses):
            day_total[entry.resource_id, entry.work_date] += entry.hours
    assert max(day_total.values()) <= 10
    entries_a_day = Counter(Counter((e.resource_id, e.work_date) for e in good_entries(any_firm)).values())
    assert sum(entries_a_day[n] for n in (1, 2, 3)) / sum(entries_a_day.values()) > 0.85


def test_time_is_entered_then_submitted_then_decided_by_somebody_else(any_firm: Truth) -> None:
    emails = {r.id: r.email for r in any_firm.resources}
    for entry in good_entries(any_firm):
        moments = [entry.created_at, *(event.at for event in entry.statuses)]
        assert all(a < b for a, b in pairwise(moments))
        assert entry.created_at.date() >= entry.work_date - timedelta(days=1)
        states = [event.status for event in entry.statuses]
        assert states in ([], ["submitted"], ["submitted", "approved"], ["submitted", "rejected"],
                          ["submitted", "approved", "rejected"])  # fmt: skip
        for event in entry.statuses:
            assert (event.actor == emails[entry.resource_id]) == (event.status == "submitted")


def test_deals_run_forward(any_firm: Truth) -> None:
    contracts = {c.opportunity_id: c for c in reversed(any_firm.contracts)}
    for deal in any_firm.opportunities:
        assert deal.stages[0].at == deal.created_at
        assert all(a.at < b.at for a, b in pairwise(deal.stages))
        assert deal.stages[0].stage == "qualify"
        won = [event.at for event in deal.stages if event.stage == "closed_won"]
        if deal.contract_approved_at:
            contract = contracts[deal.id]
            assert min(won) <= contract.signed_at < deal.contract_approved_at
            assert deal.stages[-1].amount == contract.amount or deal.stages[-1].stage != "closed_won"
    for amendment in any_firm.amendments:
        contract = next(c for c in any_firm.contracts if c.id == amendment.contract_id)
        assert amendment.signed_at > contract.signed_at


def test_projects_run_forward(any_firm: Truth) -> None:
    deals = {o.id: o for o in any_firm.opportunities}
    for project in any_firm.projects:
        assert (project.created_at is None) == (project.statuses == ())
        if project.created_at is None:
            continue
        assert [event.status for event in project.statuses][:2] == ["created", "active"]
        assert project.statuses[0].at == project.created_at
        assert all(a.at < b.at for a, b in pairwise(project.statuses))
        if project.opportunity_id:
            assert deals[project.opportunity_id].contract_approved_at is not None


def test_nothing_is_billed_before_it_is_approved_or_accepted(any_firm: Truth) -> None:
    entries = {e.id: e for e in any_firm.time_entries}
    milestones = {m.id: m for m in any_firm.milestones}
    contracts = {c.id: c for c in any_firm.contracts}
    prebilled = 0
    for invoice in good_invoices(any_firm):
        assert invoice.created_at > contracts[invoice.contract_id].signed_at
        for line in invoice.lines:
            if line.time_entry_id:
                assert status_at(entries[line.time_entry_id].statuses, invoice.created_at) == "approved"
            if line.milestone_id and invoice.document_type == "invoice":
                accepted = milestones[line.milestone_id].accepted_at
                assert accepted is not None
                assert invoice.created_at > milestones[line.milestone_id].created_at
                prebilled += invoice.created_at < accepted
    assert prebilled <= len(milestones) * 0.15


def test_documents_are_posted_then_paid(any_firm: Truth) -> None:
    closed = {(p.legal_entity_id, p.month): p.closed_at for p in any_firm.periods}
    invoices = {i.id: i for i in any_firm.invoices}
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in good_invoices(any_firm):
        assert invoice.lines
        assert [line.line_no for line in invoice.lines] == list(range(1, len(invoice.lines) + 1))
        assert (invoice.posted_at is None) == (invoice.posting_period is None)
        if invoice.posted_at is not None:
            assert timedelta(0) < invoice.posted_at - invoice.created_at < timedelta(days=13)
            shut = closed[invoice.legal_entity_id, invoice.posting_period or ""]
            assert shut is None or shut > invoice.posted_at
        for line in invoice.lines:
            assert line.net_amount == line.net_amount.quantize(Decimal("0.01"))
            assert (line.net_amount > 0) == (invoice.document_type == "invoice")
            if line.line_type in ("time", "overage"):
                assert line.quantity * line.rate == line.net_amount
    for payment in any_firm.payments:
        invoice = invoices[payment.invoice_id]
        assert invoice.posted_at is not None
        assert payment.applied_at > invoice.posted_at
        paid[invoice.id] += payment.amount
    for key, amount in paid.items():
        gross = (invoices[key].net_amount * (1 + invoices[key].tax_rate)).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        assert 0 < amount <= gross


def test_corrections_come_after_what_they_correct(any_firm: Truth) -> None:
    invoices = {i.id: i for i in any_firm.invoices}
    for invoice in any_firm.invoices:
        if invoice.corrects_id:
            original = invoices[invoice.corrects_id]
            assert original.posted_at is not None
            assert original.posted_at < invoice.created_at
            assert -invoice.net_amount <= original.net_amount
        if invoice.rebill_of_id:
            memo = next(i for i in any_firm.invoices if i.corrects_id == invoice.rebill_of_id)
            assert memo.posted_at is not None
            assert memo.posted_at < invoice.created_at


def test_an_entry_is_billed_once_and_never_above_its_value(any_firm: Truth) -> None:
    projects = {p.id: p for p in any_firm.projects}
    roles = {r.id: r.role for r in any_firm.resources}
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in good_invoices(any_firm):
        for line in invoice.lines:
            if line.time_entry_id:
                billed[line.time_entry_id] += line.net_amount
    for entry in any_firm.time_entries:
        if entry.id not in billed:
            continue
        rates = [
            line for line in any_firm.rate_card_lines
            if line.rate_card_id == projects[entry.project_id].rate_card_id and line.role == roles[entry.resource_id]
            and line.effective_from <= entry.work_date
        ]  # fmt: skip
        rate = max(rates, key=lambda line: line.effective_from).bill_rate
        assert 0 <= billed[entry.id] <= entry.hours * rate


def cap_on(contract: Contract, amendments: list[Amendment], day: date, at: datetime) -> Decimal | None:
    known = [
        (max(a.effective_date, a.signed_at.date()), a.number, a.new_nte_cap)
        for a in amendments
        if a.contract_id == contract.id and a.new_nte_cap is not None and a.signed_at <= at
    ]
    counting = [one for one in known if one[0] <= day]
    return max(counting)[2] if counting else contract.lines[0].nte_cap


def test_a_capped_line_is_never_billed_beyond_its_cap(any_firm: Truth) -> None:
    capped = {c.id: c for c in any_firm.contracts if c.lines[0].nte_cap is not None}
    assert capped
    documents = sorted(
        ((i.posted_at, i) for i in good_invoices(any_firm) if i.posted_at and i.contract_id in capped),
        key=lambda pair: (pair[0], pair[1].id),
    )
    total: dict[str, Decimal] = defaultdict(Decimal)
    for posted, invoice in documents:
        contract = capped[invoice.contract_id]
        total[contract.id] += invoice.net_amount
        day = posted.astimezone(zone(any_firm, invoice.legal_entity_id)).date()
        cap = cap_on(contract, list(any_firm.amendments), day, posted)
        assert cap is not None
        assert total[contract.id] <= cap


def test_instalments_and_milestones_add_up_to_the_price(any_firm: Truth) -> None:
    for contract in any_firm.contracts:
        line = contract.lines[0]
        price = line.amount + sum(
            (a.amount_delta for a in any_firm.amendments if a.contract_id == contract.id), Decimal(0)
        )
        if line.billing_method == "milestone":
            assert sum(m.amount for m in any_firm.milestones if m.contract_line_id == line.id) == price
        if line.billing_method == "fixed_fee":
            billed = sum(
                (i.net_amount for i in any_firm.invoices if i.contract_id == contract.id and not i.corrects_id),
                Decimal(0),
            )
            assert billed <= price


def test_nothing_happens_after_the_horizon(any_firm: Truth) -> None:
    moments: list[datetime | None] = [p.closed_at for p in any_firm.periods]
    moments += [c.created_at for c in any_firm.customers] + [at for c in any_firm.customers for at, _ in c.renamed]
    moments += [event.at for o in any_firm.opportunities for event in o.stages]
    moments += [event.at for p in any_firm.projects for event in p.statuses]
    moments += [e.created_at for e in any_firm.time_entries]
    moments += [event.at for e in any_firm.time_entries for event in e.statuses]
    moments += [at for i in any_firm.invoices for at in (i.created_at, i.posted_at)]
    moments += [p.applied_at for p in any_firm.payments] + [a.signed_at for a in any_firm.amendments]
    moments += [at for m in any_firm.milestones for at in (m.created_at, m.achieved_at, m.accepted_at)]
    assert max(at for at in moments if at) <= HORIZON
    assert all(at.utcoffset() == timedelta(0) for at in moments if at)


def test_periods_and_rates(any_firm: Truth) -> None:
    for period in any_firm.periods:
        if period.closed_at is None:
            assert period.month == "2026-12"
            continue
        local = period.closed_at.astimezone(zone(any_firm, period.legal_entity_id))
        assert 9 <= local.hour < 18
        workdays = sum(
            (period.end_date + timedelta(days=n)).weekday() < 5
            for n in range(1, (local.date() - period.end_date).days + 1)
        )
        assert 5 <= workdays <= 10  # 5 to 8 without the public holidays in between
    at_today = {(p.legal_entity_id, p.month) for p in any_firm.periods if p.closed_at and p.closed_at <= START}
    assert {("DE01", "2026-09"), ("US01", "2026-09")} <= at_today
    assert not {("DE01", "2026-10"), ("US01", "2026-10")} & at_today
    rates = {(r.from_currency, r.to_currency, r.rate_type, r.rate_date): r.rate for r in any_firm.fx_rates}
    for period in any_firm.periods:
        if period.end_date <= HORIZON.date():
            there = rates["EUR", "USD", "closing", period.end_date]
            back = rates["USD", "EUR", "closing", period.end_date]
            assert abs(there * back - 1) < Decimal("0.000001")
    spot = [
        rate for (a, _, kind, _), rate in sorted(rates.items(), key=lambda x: x[0][3]) if (a, kind) == ("EUR", "spot")
    ]
    assert len(spot) > 730
    assert all(abs(b / a - 1) < Decimal("0.02") for a, b in pairwise(spot))


# --- every scenario is in it -----------------------------------------------------------------------------------


def wins(deal_stages: list[str]) -> int:
    return sum(b == "closed_won" != a for a, b in pairwise(["", *deal_stages]))


def test_deals_have_every_fate(any_firm: Truth) -> None:
    wrong = {defect.record_id for defect in any_firm.defects}
    today = {
        o.id: [event for event in o.stages if event.at <= START] for o in any_firm.opportunities if o.id not in wrong
    }
    known = {o.id: o for o in any_firm.opportunities}
    state = Counter(stages[-1].stage if stages else "later" for stages in today.values())
    assert all(state[kind] for kind in ("closed_won", "closed_lost", "qualify", "propose", "negotiate", "later"))
    reopened = [o for o in known.values() if wins([event.stage for event in o.stages]) == 2]
    assert len(reopened) >= 3
    assert any(today[o.id][-1].stage == "negotiate" for o in reopened)
    assert sum(not o.is_services and o.stages[-1].stage == "closed_won" for o in known.values()) >= 2
    moved = [
        o for o in known.values()
        if any(a.stage == b.stage and a.expected_close != b.expected_close for a, b in pairwise(o.stages))
    ]  # fmt: skip
    assert len(moved) >= 10
    with_project = {p.opportunity_id for p in any_firm.projects}
    stale = [
        key for key, stages in today.items()
        if stages and stages[-1].stage == "closed_won" and known[key].is_services
        and stages[-1].at < START - timedelta(days=45) and key not in with_project
    ]  # fmt: skip
    assert len(stale) >= 2
    assert all(known[key].contract_approved_at is None for key in stale)
    future_wins = [
        o for o in known.values()
        if o.stages[-1].stage == "closed_won" and o.stages[-1].at > START and o.contract_approved_at
    ]  # fmt: skip
    assert len(future_wins) >= 4


def test_cycle_times_are_worth_a_chart(firm: Truth) -> None:
    days = []
    before_win = 0
    deals = {o.id: o for o in firm.opportunities}
    for project in firm.projects:
        if project.opportunity_id and project.statuses:
            won = min(e.at for e in deals[project.opportunity_id].stages if e.stage == "closed_won")
            active = next(e.at for e in project.statuses if e.status == "active")
            before_win += active < won
            if active >= won:
                days.append((active - won) / timedelta(days=1))
    assert 3 <= before_win <= 12
    assert min(days) < 0.5
    assert max(days) > 7
    assert 0.4 < sum(day <= 3 for day in days) / len(days) < 0.9


def test_projects_that_our_push_creates(any_firm: Truth) -> None:
    deals = {o.id: o for o in any_firm.opportunities}
    customers = {c.id: c for c in any_firm.customers}
    pushed = {p.id: p for p in any_firm.projects if p.created_at is None}
    fresh = []
    for project in pushed.values():
        deal = deals[project.opportunity_id or ""]
        now = [event for event in deal.stages if event.at <= START]
        assert deal.contract_approved_at is not None
        if now[-1].stage == "closed_won" and deal.contract_approved_at <= START:
            assert START - timedelta(days=31) < deal.contract_approved_at
            fresh.append(deal)
    assert 8 <= len(fresh) <= 12
    new = [d for d in fresh if customers[d.customer_id].known_to_erp_at is None]
    assert len(new) >= 3
    assert all(customers[d.customer_id].known_to_psa_at is None for d in new)
    worked = [e for e in any_firm.time_entries if e.project_id in pushed]
    assert worked
    assert min(e.work_date for e in worked) >= START.date() + timedelta(days=2)
    assert all(i.created_at > START for i in any_firm.invoices if i.project_id in pushed)
    assert {e.project_id for e in worked} >= {p.id for p in pushed.values() if deals[p.opportunity_id or ""] in fresh}
    assert any(line.line_type == "time" for i in any_firm.invoices if i.project_id in pushed for line in i.lines)
    for project in any_firm.projects:
        if project.created_at is not None and project.opportunity_id:
            approved = deals[project.opportunity_id].contract_approved_at
            assert approved is not None
            assert approved <= START - timedelta(days=30)
            assert project.created_at < START


def test_won_deals_that_wait_for_their_contract(any_firm: Truth) -> None:
    waiting = [
        o for o in any_firm.opportunities
        if o.is_services and [e for e in o.stages if e.at <= START][-1:]
        and [e for e in o.stages if e.at <= START][-1].stage == "closed_won"
        and START - timedelta(days=30) < o.stages[-1].at <= START + timedelta(days=5)
        and (o.contract_approved_at is None or o.contract_approved_at > START)
    ]  # fmt: skip
    assert any(o.contract_approved_at is None for o in waiting)
    assert any(o.contract_approved_at for o in waiting)


def test_two_projects_orphans_and_internal_work(any_firm: Truth) -> None:
    per_deal = Counter(p.opportunity_id for p in any_firm.projects if p.opportunity_id)
    assert sum(n == 2 for n in per_deal.values()) >= 2
    wrong = {defect.record_id for defect in any_firm.defects}
    orphans = [p for p in any_firm.projects if p.opportunity_id is None and p.id not in wrong]
    assert Counter(p.legal_entity_id for p in orphans) == {"DE01": 2, "US01": 2}
    worked = [e for e in good_entries(any_firm) if e.project_id in {p.id for p in orphans}]
    assert len(worked) > 100
    assert not any(e.billable for e in worked)


def test_customers_have_parents_new_names_and_few_systems(any_firm: Truth) -> None:
    assert sum(c.parent_id is not None for c in any_firm.customers) >= 1
    renamed = [at for c in any_firm.customers for at, _ in c.renamed]
    assert any(at <= START for at in renamed)
    assert any(at > START for at in renamed)
    billed = {i.customer_id: i.created_at for i in reversed(any_firm.invoices) if i.created_at <= START}
    for customer in any_firm.customers:
        if customer.id in billed:
            assert customer.known_to_erp_at is not None
            assert customer.known_to_erp_at < billed[customer.id]
        if customer.known_to_erp_at:
            assert customer.known_to_psa_at is not None


def test_contracts_in_the_other_currency(any_firm: Truth) -> None:
    pairs = Counter((c.legal_entity_id, c.currency, c.lines[0].rate_card_id) for c in any_firm.contracts)
    assert set(pairs) == {
        ("DE01", "EUR", "RC-DE01"), ("US01", "USD", "RC-US01"),
        ("DE01", "USD", "RC-DE01-USD"), ("US01", "EUR", "RC-US01-EUR"),
    }  # fmt: skip
    for line in any_firm.rate_card_lines:
        currency = {"RC-DE01": "EUR", "RC-US01": "USD"}.get(line.rate_card_id, line.rate_card_id[-3:])
        assert line.currency == currency


def test_caps_are_kept_overrun_and_raised(firm: Truth) -> None:
    roles = {r.id: r.role for r in firm.resources}
    worth: dict[str, Decimal] = defaultdict(Decimal)
    projects = {p.id: p for p in firm.projects}
    opening = {
        (line.rate_card_id, line.role): line.bill_rate
        for line in sorted(firm.rate_card_lines, key=lambda one: one.effective_from, reverse=True)
    }
    for entry in good_entries(firm):
        project = projects[entry.project_id]
        if project.contract_id and entry.billable:
            worth[project.contract_id] += entry.hours * opening[project.rate_card_id, roles[entry.resource_id]]
    capped = [c for c in firm.contracts if c.lines[0].nte_cap]
    raised = {a.contract_id for a in firm.amendments if a.new_nte_cap}
    overrun = [c for c in capped if worth[c.id] > (c.lines[0].nte_cap or 0)]
    assert len(capped) >= 15
    assert sum(c.id in raised for c in overrun) >= 4
    assert sum(c.id not in raised for c in overrun) >= 4
    assert sum(c not in overrun for c in capped) >= 3


def test_amendments_change_price_and_hours_before_and_after_today(any_firm: Truth) -> None:
    priced = [a for a in any_firm.amendments if a.hours_delta > 0]
    assert priced
    assert all(a.amount_delta > 0 for a in priced)
    assert any(a.signed_at <= START for a in any_firm.amendments)
    assert any(a.signed_at > START for a in any_firm.amendments)
    assert any(a.effective_date < a.signed_at.date() for a in any_firm.amendments)


def test_retainers_have_fees_in_advance_and_overage_a_month_later(firm: Truth) -> None:
    fees = [i for i in firm.invoices for line in i.lines if line.line_type == "retainer"]
    overage = [i for i in firm.invoices for line in i.lines if line.line_type == "overage"]
    assert len(fees) > 100
    assert len(overage) > 20
    starts = {c.id: c.start_date for c in firm.contracts}
    for invoice in fees:
        first = invoice.invoice_date - starts[invoice.contract_id] < timedelta(days=5)
        assert invoice.invoice_date.day <= 10 or first
    for key in {i.contract_id for i in fees}:
        in_month = Counter(f"{i.invoice_date:%Y-%m}" for i in fees if i.contract_id == key)
        assert set(in_month.values()) == {1}
    for invoice in overage:
        begun = starts[invoice.contract_id]
        months_later = (invoice.invoice_date.year - begun.year) * 12 + invoice.invoice_date.month - begun.month
        assert months_later >= 2
    assert len({i.contract_id for i in overage}) >= 3


def test_credits_rebills_and_forgotten_drafts(any_firm: Truth) -> None:
    memos = [i for i in any_firm.invoices if i.document_type == "credit_memo"]
    rebilled = {i.rebill_of_id for i in any_firm.invoices if i.rebill_of_id}
    assert all(m.credit_reason and m.corrects_id for m in memos)
    assert sum(m.corrects_id in rebilled for m in memos) >= 2
    assert sum(m.corrects_id not in rebilled for m in memos) >= 2
    assert rebilled <= {m.corrects_id for m in memos}
    old = START - timedelta(days=20)
    assert any(i.posted_at is None and i.created_at < old for i in any_firm.invoices)


def test_payments_are_full_partial_late_and_missing(any_firm: Truth) -> None:
    invoices = {i.id: i for i in any_firm.invoices}
    parts = Counter(p.invoice_id for p in any_firm.payments)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for payment in any_firm.payments:
        paid[payment.invoice_id] += payment.amount
    gross = {key: (invoices[key].net_amount * (1 + invoices[key].tax_rate)).quantize(Decimal("0.01")) for key in paid}
    assert any(n == 2 for n in parts.values())
    assert any(paid[key] < gross[key] for key in paid)
    assert sum(paid[key] == gross[key] for key in paid) > len(paid) * 0.8
    assert any(p.received_date > invoices[p.invoice_id].due_date + timedelta(days=10) for p in any_firm.payments)
    overdue = START - timedelta(days=60)
    assert any(
        i.posted_at and i.posted_at < overdue and i.id not in paid and i.document_type == "invoice"
        for i in any_firm.invoices
    )


def test_rates_that_were_changed_after_the_fact(firm: Truth) -> None:
    closed = {(p.legal_entity_id, p.month): p.closed_at for p in firm.periods}
    retro = [line for line in firm.rate_card_lines if line.recorded_at.date() > line.effective_from]
    assert len(retro) >= 2
    after_close = [
        line for line in retro
        if (shut := closed[line.rate_card_id[3:7], f"{line.effective_from:%Y-%m}"]) and line.recorded_at > shut
    ]  # fmt: skip
    assert {line.rate_card_id for line in after_close} == {"RC-DE01", "RC-US01"}
    true_ups = [(i, line) for i in firm.invoices for line in i.lines if line.line_type == "rate_true_up"]
    for line in after_close:
        assert any(i.created_at > line.recorded_at and i.legal_entity_id == line.rate_card_id[3:7] for i, _ in true_ups)
    time_lines = {(line.time_entry_id) for i in firm.invoices for line in i.lines if line.line_type == "time"}
    assert all(line.time_entry_id in time_lines for _, line in true_ups)


def test_late_approvals_backdated_time_and_corrections(any_firm: Truth) -> None:
    closed = {(p.legal_entity_id, p.month): p.closed_at for p in any_firm.periods}
    projects: dict[str, Project] = {p.id: p for p in any_firm.projects}
    late: set[str] = set()
    backdated: set[str] = set()
    for entry in good_entries(any_firm):
        entity = projects[entry.project_id].legal_entity_id
        shut = closed[entity, f"{entry.work_date:%Y-%m}"]
        if shut is None:
            continue
        if entry.created_at > shut and entry.replaces_id is None:
            backdated.add(entity)
        elif (
            entry.statuses
            and entry.statuses[0].at < shut
            and any(event.status == "approved" and event.at > shut for event in entry.statuses)
        ):
            late.add(entity)
    assert late == {"DE01", "US01"}
    assert backdated == {"DE01", "US01"}
    replaced = {e.replaces_id: e for e in any_firm.time_entries if e.replaces_id}
    originals = [e for e in any_firm.time_entries if e.id in replaced]
    assert len(originals) >= 10
    for entry in originals:
        assert entry.statuses[-1].status == "rejected"
        assert entry.statuses[-1].at < replaced[entry.id].created_at
    assert any([event.status for event in e.statuses] == ["submitted", "approved", "rejected"] for e in originals)
    waiting = [e for e in any_firm.time_entries if status_at(e.statuses, START) == "submitted"]
    assert len(waiting) >= 10


def test_the_future_holds_events_of_every_kind(any_firm: Truth) -> None:
    assert any(e.at > START for o in any_firm.opportunities for e in o.stages)
    assert any(event.at > START for e in any_firm.time_entries for event in e.statuses)
    assert any(i.posted_at and i.posted_at > START for i in any_firm.invoices)
    assert any(p.applied_at > START for p in any_firm.payments)
    assert any(p.closed_at and p.closed_at > START for p in any_firm.periods)
    assert any(o.created_at > START for o in any_firm.opportunities)
    assert any(m.accepted_at and m.accepted_at > START for m in any_firm.milestones)
    assert any(e.at > START for p in any_firm.projects for e in p.statuses)


def test_every_known_defect_is_there_and_carries_its_money(any_firm: Truth) -> None:
    rules = Counter(defect.rule for defect in any_firm.defects)
    assert set(rules) == RULES
    assert min(rules.values()) >= 2
    entries = {e.id: e for e in any_firm.time_entries}
    deals = {o.id: o for o in any_firm.opportunities}
    invoices = {i.id: i for i in any_firm.invoices}
    for defect in any_firm.defects:
        if defect.rule == "opportunity_amount_present":
            assert deals[defect.record_id].contract_approved_at is None
            assert deals[defect.record_id].stages[-1].stage == "closed_won"
        if defect.rule in ("time_hours_in_range", "time_project_known"):
            entry = entries[defect.record_id]
            assert entry.statuses[-1].status == "approved"
            assert defect.amount is not None
            assert defect.currency in ("EUR", "USD")
            assert (defect.amount == 0) == (entry.hours == 0)
            if entry.hours:
                assert 100 <= defect.amount / entry.hours <= 400
        if defect.rule == "time_hours_in_range":
            assert not 0 < entries[defect.record_id].hours <= 24
        if defect.rule == "invoice_lines_sum_to_header":
            assert defect.amount == invoices[defect.record_id].net_amount
            assert defect.currency == invoices[defect.record_id].currency
        if defect.rule == "employee_email_present":
            assert next(r for r in any_firm.resources if r.id == defect.record_id).email == ""
        if defect.rule == "project_currency_known":
            project = next(p for p in any_firm.projects if p.id == defect.record_id)
            assert project.currency not in ("EUR", "USD")
            assert not any(e.project_id == project.id for e in any_firm.time_entries)
        if defect.rule == "account_country_known":
            assert next(c for c in any_firm.customers if c.id == defect.record_id).country in ("", "ZZ")
