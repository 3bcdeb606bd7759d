"""The known answers: every branch on a tiny firm whose number is counted by hand, and the worked cases that apply."""

from __future__ import annotations

import ast
import importlib.util
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox import answers
from sandbox.firm import build
from sandbox.truth import FxRate, Truth

_SPEC = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
tiny = importlib.util.module_from_spec(_SPEC)
sys.modules["tiny"] = tiny
_SPEC.loader.exec_module(tiny)
Tiny, at, day, end = tiny.Tiny, tiny.at, tiny.day, tiny.end

START = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def firm() -> Truth:
    return build(START, 20261015)


def wip(truth: Truth, as_of: str, known: datetime | None = None, currency: str = "USD") -> Decimal:
    return answers.unbilled_wip(truth, "X", day(as_of), known or end(as_of)).get(currency, Decimal(0))


def approved(when: str) -> tuple[str, str]:
    return ("approved", when)


# --- time and materials ----------------------------------------------------------------------------------------


def test_c01_credit_and_rebill_across_month_end() -> None:
    firm = Tiny()
    firm.project("P1")
    firm.project("P2", entity="Y")
    firm.rate("r", 150)
    firm.rate("third", 150)
    firm.rate("third", 180, effective="2026-01-26", recorded=at("2026-02-04T09:00"))
    firm.rate("other", 200)
    firm.work("TE1", "2026-01-12", 40, approved("2026-01-16"))
    firm.work("TE2", "2026-01-20", 30, approved("2026-01-23"))
    firm.work("TE3", "2026-01-26", 10, approved("2026-01-30"), role="third")
    firm.work("TE4", "2026-01-15", 40, approved("2026-01-23"), role="other", project="P2")
    firm.bill("INV0", "2026-01-31T10:00", ("time", "TE4", 40, 8000), project="P2", entity="Y")
    firm.bill("INV1", "2026-01-31", ("time", "TE1", 40, 6000), ("time", "TE2", 30, 4500), ("time", "TE3", 10, 1500))
    firm.bill(
        "CM1", "2026-02-04", ("time", "TE1", -40, -6000), ("time", "TE2", -30, -4500), ("time", "TE3", -10, -1500),
        corrects="INV1",
    )  # fmt: skip
    firm.bill(
        "INV2", "2026-02-10", ("time", "TE1", 40, 6000), ("time", "TE2", 30, 4500), ("time", "TE3", 10, 1800),
        rebill_of="INV1",
    )  # fmt: skip
    truth = firm.truth()
    assert {d: wip(truth, d) for d in ("2026-01-30", "2026-01-31", "2026-02-04", "2026-02-10")} == {
        "2026-01-30": 12000, "2026-01-31": 0, "2026-02-04": 12300, "2026-02-10": 0,
    }  # fmt: skip
    ageing = answers.unbilled_wip_ageing(truth, "X", day("2026-02-04"), end("2026-02-04"))["USD"]
    assert ageing == {"0-30": 12300, "31-60": 0, "61-90": 0, "91-120": 0, ">120": 0}
    assert answers.billing_latency(truth, "X", "2026-01", end("2026-01-31")).value == Decimal("14.25")
    assert answers.billing_latency(truth, "X", "2026-01", end("2026-02-28")).value == Decimal("14.25")
    assert answers.billing_latency(truth, "X", "2026-01", end("2026-01-31")).effective_value == Decimal("14.25")
    assert answers.billing_latency(truth, "X", "2026-01", end("2026-02-28")).effective_value is None
    february = answers.billing_latency(truth, "X", "2026-02", end("2026-02-28"))
    assert float(february.effective_value or 0) == pytest.approx(24.024390243902438)
    assert (february.n, february.value, february.effective_n) == (0, None, 3)


def test_c02_retroactive_rate_change() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100, effective="2025-01-01", recorded=at("2024-12-01"))
    firm.rate("r", 110, effective="2026-02-01", recorded=at("2026-03-15T10:00"))
    firm.work("TE1", "2026-01-15", 20, approved("2026-01-20"))
    firm.work("TE2", "2026-02-12", 50, approved("2026-02-20"))
    firm.work("TE3", "2026-03-06", 30, approved("2026-03-12"))
    firm.bill("INVJ", "2026-01-31", ("time", "TE1", 20, 2000))
    firm.bill("INVF", "2026-02-28", ("time", "TE2", 50, 5000))
    firm.bill("INVA", "2026-04-05", ("rate_true_up", "TE2", 0, 500), ("time", "TE3", 30, 3300))
    truth = firm.truth()
    points = ("2026-02-28", "2026-03-14", "2026-03-31", "2026-04-05")
    assert [wip(truth, d) for d in points] == [0, 3000, 3800, 0]
    assert wip(truth, "2026-02-28", end("2026-03-31")) == 500
    april = answers.billing_latency(truth, "X", "2026-04", end("2026-04-30"))
    # Only the time line counts; the true-up is another type.
    assert (april.value, april.n, april.n_excluded) == (30, 1, 1)


def test_c06_approved_then_reversed_time() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 150)
    firm.work("TE1", "2026-05-05", 8, approved("2026-05-06T10:00"), ("rejected", "2026-05-20T10:00"))
    firm.work("TE2", "2026-05-07", 8, approved("2026-05-08T10:00"))
    firm.work(
        "TE3",
        "2026-05-05",
        6,
        ("submitted", "2026-05-21T10:00"),
        approved("2026-05-22T10:00"),
        replaces="TE1",
    )
    truth = firm.truth()
    points = ("2026-05-06", "2026-05-15", "2026-05-20", "2026-05-21", "2026-05-31")
    assert [wip(truth, d) for d in points] == [1200, 2400, 1200, 1200, 2100]
    assert answers.wip_unapproved(truth, "X", day("2026-05-21"), end("2026-05-21")) == {"USD": 900}
    assert answers.wip_unapproved(truth, "X", day("2026-05-31"), end("2026-05-31")) == {"USD": 0}
    assert wip(truth, "2026-05-15", end("2026-05-31")) == 2100


def test_c10_closed_period_and_late_approval() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 150)
    firm.period("2026-01", "2026-02-06T18:00")
    firm.period("2026-02", None)
    firm.work("TE1", "2026-01-16", 60, approved("2026-01-19T00:00"))
    firm.work("TE2", "2026-01-27", 60, approved("2026-02-02T00:00"))
    firm.work("TE3", "2026-01-29", 10, approved("2026-02-10T09:00"))
    truth = firm.truth()
    points = [p for p in answers.reporting_points(truth, end("2026-02-28")) if p.period == "2026-01"]
    values = {
        p.basis: answers.unbilled_wip(truth, "X", p.as_of, p.knowledge_at)["USD"]
        for p in points
        if p.legal_entity_id == "X"
    }
    assert values == {"as_reported": 18000, "restated": 19500}


def test_c27_cap_and_amendment() -> None:
    firm = Tiny()
    firm.project(cap=30000)
    firm.rate("r", 200)
    firm.amend(1, "2026-06-15", "2026-06-15T10:00", cap=36000)
    firm.work("T1", "2026-04-30", 130, approved("2026-05-04T00:00"))
    firm.work("T2", "2026-05-29", 40, ("submitted", "2026-05-30"), approved("2026-06-02T00:00"))
    firm.bill("I1", "2026-05-10T00:00", ("time", "T1", 130, 26000))
    truth = firm.truth()
    assert [wip(truth, d) for d in ("2026-05-31", "2026-06-14", "2026-06-15")] == [0, 4000, 8000]
    over = [
        answers.over_cap_exposure(truth, "X", day(d), end(d))["USD"] for d in ("2026-05-31", "2026-06-14", "2026-06-15")
    ]
    assert over == [0, 4000, 0]
    assert answers.wip_unapproved(truth, "X", day("2026-05-31"), end("2026-05-31")) == {"USD": 8000}


def test_an_amendment_counts_from_the_later_of_effect_and_signature() -> None:
    firm = Tiny()
    firm.project(cap=1000)
    firm.rate("r", 100)
    firm.work("T1", "2026-04-01", 30, approved("2026-04-02"))
    firm.amend(1, "2026-04-10", "2026-04-20", cap=2000)  # signed later: from 20 April
    firm.amend(2, "2026-05-10", "2026-04-25", cap=2500)  # effective later: from 10 May
    truth = firm.truth()
    days = ("2026-04-19", "2026-04-20", "2026-05-09", "2026-05-10")
    assert [wip(truth, d) for d in days] == [1000, 2000, 2000, 2500]
    assert wip(truth, "2026-05-31", at("2026-04-19")) == 1000  # not signed as far as anybody knew


def test_a_bill_above_the_value_does_not_eat_another_entry() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100)
    firm.work("T1", "2026-04-01", 10, approved("2026-04-02"))
    firm.work("T2", "2026-04-01", 10, approved("2026-04-02"))
    firm.work("T3", "2026-04-01", 5, ("submitted", "2026-04-02"))
    firm.work("T4", "2026-04-01", 5, approved("2026-04-02"), billable=False)
    firm.bill("I1", "2026-04-10", ("time", "T1", 10, 1500))
    firm.bill("I2", None, ("time", "T2", 10, 1000))  # a draft
    assert wip(firm.truth(), "2026-04-30") == 1000


def test_posted_counts_up_to_the_end_of_the_day_in_the_entitys_zone() -> None:
    firm = Tiny(zone="America/New_York")
    firm.project()
    firm.rate("r", 100)
    firm.work("T1", "2026-03-30", 10, approved("2026-03-31"))
    firm.bill("I1", "2026-04-01T03:59", ("time", "T1", 10, 1000))  # 23:59 on 31 March in New York
    truth = firm.truth()
    later = at("2026-04-20")
    assert wip(truth, "2026-03-31", later) == 0
    assert wip(truth, "2026-03-30", later) == 1000
    assert answers.billing_latency(truth, "X", "2026-03", later).value == 1
    assert answers.billing_latency(truth, "X", "2026-04", later).value is None


def test_ageing_edges_and_fifo_under_a_cap() -> None:
    firm = Tiny()
    firm.project("P1")
    firm.project("P2", cap=500)
    firm.rate("r", 10)
    as_of = day("2026-06-30")
    for age in (0, 30, 31, 60, 61, 90, 91, 120, 121):
        when = (as_of - timedelta(days=age)).isoformat()
        firm.work(f"T{age:03d}", when, 1, approved(when))
    assert answers.unbilled_wip_ageing(firm.truth(), "X", as_of, end("2026-06-30"))["USD"] == {
        "0-30": 20, "31-60": 20, "61-90": 20, "91-120": 20, ">120": 10,
    }  # fmt: skip
    # The cap of 500 lets in 300 of March, 200 of May and nothing of June; 350 billed leaves 150 of May.
    firm.work("U1", "2026-03-01", 30, approved("2026-03-02"), project="P2")
    firm.work("U2", "2026-05-15", 30, approved("2026-05-16"), project="P2")
    firm.work("U3", "2026-06-15", 30, approved("2026-06-16"), project="P2")
    firm.bill("I1", "2026-06-20", ("time", "U2", 30, 350), project="P2")
    line = next(one for one in answers.wip_lines(firm.truth(), "X", as_of, end("2026-06-30")) if one.project_id == "P2")
    assert (line.wip, line.over_cap, line.items) == (150, 400, ((day("2026-05-15"), 150),))


def test_unapproved_is_what_billable_hours_are_worth_under_any_method() -> None:
    firm = Tiny()
    firm.project("P1")
    firm.project("P2", method="fixed_fee", amount=9000, planned=90)
    firm.rate("r", 100)
    firm.work("T1", "2026-04-01", 3, ("submitted", "2026-04-02"), approved("2026-04-20"))
    firm.work("T2", "2026-04-01", 5, ("submitted", "2026-04-02"), project="P2")
    firm.work("T3", "2026-04-01", 7, ("submitted", "2026-04-02"), project="P2", billable=False)
    firm.work("T4", "2026-05-01", 1, ("submitted", "2026-05-02"))
    truth = firm.truth()
    assert answers.wip_unapproved(truth, "X", day("2026-04-10"), end("2026-04-10")) == {"USD": 800}
    assert answers.wip_unapproved(truth, "X", day("2026-04-10"), end("2026-05-31")) == {"USD": 500}
    assert answers.wip_unapproved(truth, "X", day("2026-05-31"), end("2026-05-31")) == {"USD": 600}


def test_rate_known_later_and_no_rate_at_all() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100, effective="2026-03-01", recorded=at("2026-03-10"))
    firm.work("T1", "2026-03-02", 10, approved("2026-03-03"))
    firm.work("T2", "2026-02-02", 10, approved("2026-02-03"))
    truth = firm.truth()
    assert wip(truth, "2026-03-05") == 0
    assert wip(truth, "2026-03-05", at("2026-03-11")) == 1000


# --- fixed fee, milestones, retainers --------------------------------------------------------------------------


def test_fixed_fee_earns_by_hours_up_to_its_price() -> None:
    firm = Tiny()
    firm.project(method="fixed_fee", amount=10000, planned=100)
    firm.work("T1", "2026-03-02", 20, approved("2026-03-03"))
    firm.work("T2", "2026-03-20", 30, approved("2026-03-21"), billable=False)
    firm.work("T3", "2026-04-20", 70, approved("2026-04-21"))
    firm.bill("I1", "2026-03-10", ("fixed_fee", None, 1, 4000))
    truth = firm.truth()
    assert [wip(truth, d) for d in ("2026-03-09", "2026-03-10", "2026-03-31", "2026-04-30")] == [
        2000,
        0,
        1000,
        6000,
    ]
    assert answers.overbilled_exposure(truth, "X", day("2026-03-10"), end("2026-03-10")) == {"USD": 2000}
    assert answers.overbilled_exposure(truth, "X", day("2026-03-31"), end("2026-03-31")) == {"USD": 0}
    # 4000 billed consumes 2 March (2000) and 2000 of 20 March (3000): 1000 is 41 days old, 5000 came on 20 April.
    ageing = answers.unbilled_wip_ageing(truth, "X", day("2026-04-30"), end("2026-04-30"))["USD"]
    assert (ageing["0-30"], ageing["31-60"]) == (5000, 1000)


def test_fixed_fee_amendment_changes_price_and_hours_from_when_it_counts() -> None:
    firm = Tiny()
    firm.project(method="fixed_fee", amount=10000, planned=100)
    firm.work("T1", "2026-03-02", 60, approved("2026-03-03"))
    firm.amend(1, "2026-04-01", "2026-04-15", amount=8000, hours=20)
    truth = firm.truth()
    # 60/100 of 10000; then 60/120 of 18000.
    assert [wip(truth, d) for d in ("2026-03-31", "2026-04-14", "2026-04-15")] == [6000, 6000, 9000]


def test_fixed_fee_rounds_half_up_only_in_the_sum() -> None:
    firm = Tiny()
    for key in ("P1", "P2", "P3"):
        firm.project(key, method="fixed_fee", amount="100.01", planned=2)
        firm.work(f"T{key}", "2026-03-02", 1, approved("2026-03-03"), project=key)
    # 3 x 50.005 = 150.015
    assert wip(firm.truth(), "2026-03-31") == Decimal("150.02")


def test_milestones_by_acceptance_and_prebilled() -> None:
    firm = Tiny(zone="Europe/Berlin")
    firm.project(method="milestone", amount=900)
    firm.milestone("M1", 300, "2026-03-10T22:30")
    firm.milestone("M2", 600, "2026-05-10T22:30")  # 00:30 on 11 May in Berlin
    firm.bill("I1", "2026-04-01", ("milestone", "M1", 1, 300))
    firm.bill("I2", "2026-05-01", ("milestone", "M2", 1, 600))
    truth = firm.truth()
    assert [wip(truth, d) for d in ("2026-03-09", "2026-03-31", "2026-04-01", "2026-05-31")] == [0, 300, 0, 0]
    assert answers.billable_now(truth, "X", day("2026-03-31"), end("2026-03-31")) == {"USD": 300}
    assert answers.billing_latency(truth, "X", "2026-05", end("2026-06-30")).value == -10
    # Not accepted as far as anybody knew at the end of 9 March, whatever day one looks at.
    assert wip(truth, "2026-03-31", end("2026-03-09")) == 0


def test_retainer_fee_is_never_wip_and_overage_is_by_month() -> None:
    firm = Tiny()
    firm.project(method="retainer", amount=5000, included=40, overage=100)
    firm.work("T1", "2026-03-05", 30, approved("2026-03-06"))
    firm.work("T2", "2026-03-20", 25, approved("2026-03-21"))
    firm.work("T3", "2026-04-20", 39, approved("2026-04-21"))
    firm.work("T4", "2026-05-20", 43, approved("2026-05-21"))
    firm.bill("I1", "2026-03-01", ("retainer", None, 1, 5000))
    firm.bill("I2", "2026-05-03", ("overage", None, 15, 1500))
    truth = firm.truth()
    assert [wip(truth, d) for d in ("2026-03-10", "2026-03-25", "2026-04-30", "2026-05-05", "2026-05-31")] == [
        0, 1500, 1500, 0, 300,
    ]  # fmt: skip
    # March's overage is dated 31 March, and the day itself while the month runs.
    ageing = answers.unbilled_wip_ageing(truth, "X", day("2026-05-01"), end("2026-05-01"))["USD"]
    assert (ageing["0-30"], ageing["31-60"]) == (0, 1500)
    line = answers.wip_lines(truth, "X", day("2026-03-25"), end("2026-03-25"))[0]
    assert line.items == ((day("2026-03-25"), 1500),)


# --- currencies, quarantine, reporting points ------------------------------------------------------------------


def test_currencies_stay_apart_and_meet_at_the_closing_rate() -> None:
    firm = Tiny()
    firm.project("P1")
    firm.project("P2", currency="EUR")
    firm.rate("r", 100)
    firm.work("T1", "2026-03-02", 1, approved("2026-03-03"))
    firm.work("T2", "2026-03-02", 3, approved("2026-03-03"), project="P2")
    truth = firm.truth()
    known = end("2026-03-31")
    assert answers.unbilled_wip(truth, "X", day("2026-03-31"), known) == {"EUR": 300, "USD": 100}
    assert answers.unbilled_wip_group_eur(truth, "X", day("2026-03-31"), known) is None
    for when, kind, rate in (
        ("2026-02-28", "closing", "0.9"),
        ("2026-03-31", "spot", "0.5"),
        ("2026-04-30", "closing", "0.7"),
    ):
        firm.fx.append(FxRate("USD", "EUR", kind, day(when), Decimal(rate)))  # type: ignore[arg-type]
    assert answers.unbilled_wip_group_eur(firm.truth(), "X", day("2026-03-31"), known) == 390


def test_quarantined_rows_count_nowhere() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100)
    firm.work("T1", "2026-03-02", 10, approved("2026-03-03"))
    firm.work("T2", "2026-03-02", 100, approved("2026-03-03"))
    firm.bill("I1", "2026-03-10", ("time", "T1", 10, 1000))
    firm.deal("O1", ("closed_won", "2026-03-01"))
    firm.spoil("T2", "time_hours_in_range", 10000)
    firm.spoil("I1", "invoice_currency_present")
    firm.spoil("O1", "opportunity_amount_present")
    truth = firm.truth()
    assert wip(truth, "2026-03-31") == 1000
    assert answers.billing_latency(truth, "X", "2026-03", end("2026-03-31")).n == 0
    assert answers.won_without_project(truth, "X", day("2026-03-31"), end("2026-03-31")).count == 0
    assert answers.quarantined(truth, at("2026-03-02T11:00")) == {"opportunity_amount_present": (1, {})}
    assert answers.quarantined(truth, end("2026-03-31"))["time_hours_in_range"] == (1, {"USD": 10000})


def test_reporting_points_of_closed_open_and_ended_months() -> None:
    firm = Tiny()
    firm.period("2026-08", "2026-09-08")
    firm.period("2026-09", "2026-10-08")
    firm.period("2026-10", "2026-11-06")
    firm.period("2026-11", None)
    now = at("2026-10-05T10:00")
    points = {(p.period, p.basis): p for p in answers.reporting_points(firm.truth(), now)}
    assert set(points) == {(m, b) for m in ("2026-08", "2026-09", "2026-10") for b in ("as_reported", "restated")}
    august = points["2026-08", "as_reported"]
    assert (august.as_of, august.knowledge_at, august.is_provisional) == (
        day("2026-08-31"),
        at("2026-09-08"),
        False,
    )
    assert points["2026-08", "restated"].knowledge_at == now
    september = points["2026-09", "as_reported"]  # ended, and its close lies ahead
    assert (september.as_of, september.knowledge_at, september.is_provisional) == (
        day("2026-09-30"),
        now,
        True,
    )
    assert points["2026-10", "restated"].as_of == day("2026-10-05")
    assert points["2026-10", "restated"].is_provisional


# --- billing latency -------------------------------------------------------------------------------------------


def test_c14_weighting_and_stages() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100)
    firm.work("L1", "2026-03-02", 10, ("submitted", "2026-03-06"), approved("2026-03-09"))
    firm.work("L2", "2026-03-16", 40, ("submitted", "2026-03-20"), approved("2026-03-23"))
    firm.work("L3", "2026-03-27", 5, ("submitted", "2026-03-27"), approved("2026-03-30"))
    firm.bill(
        "I1", "2026-04-02", ("time", "L1", 10, 1000), ("time", "L2", 40, 10000), ("time", "L3", 5, 2000),
        invoice_date="2026-03-31",
    )  # fmt: skip
    truth = firm.truth()
    assert answers.billing_latency(truth, "X", "2026-03", end("2026-04-30")).value is None
    got = answers.billing_latency(truth, "X", "2026-04", end("2026-04-30"))
    assert got.count_weighted == 18
    assert float(got.hours_weighted or 0) == pytest.approx(18.545454545454547)
    assert float(got.value or 0) == pytest.approx(16.384615384615383)
    # No hold is recorded here, so ready is approved: the 5.3846 days of the case's hold belong to ready>invoice.
    assert {stage: float(days) for stage, days in got.stages.items()} == pytest.approx(
        {
            "work>submit": 3.3846153846153846,
            "submit>approve": 3.0,
            "approve>ready": 0.0,
            "ready>invoice": 5.384615384615385 + 2.6153846153846154,
            "invoice>post": 2.0,
        }
    )
    assert sum(got.stages.values()) == pytest.approx(got.time_value)


def test_latency_knows_only_what_was_posted_and_leaves_other_lines_out() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100)
    firm.work("T1", "2026-03-01", 10, ("submitted", "2026-03-01T18:00"), approved("2026-03-02"))
    firm.work("T2", "2026-03-01", 10, ("submitted", "2026-03-01T18:00"), approved("2026-03-02"))
    firm.bill("I1", "2026-03-11", ("time", "T1", 10, 1000), ("fixed_fee", None, 1, 70))
    firm.bill("I2", "2026-03-21", ("time", "T2", 10, 3000))
    firm.bill("I3", "2026-03-22", ("time", "T2", -10, -3000), corrects="I2")
    truth = firm.truth()
    early = answers.billing_latency(truth, "X", "2026-03", end("2026-03-20"))
    assert (early.value, early.n, early.n_excluded) == (10, 1, 1)
    late = answers.billing_latency(truth, "X", "2026-03", end("2026-03-31"))
    assert (late.numerator, late.denominator, late.value) == (10 * 1000 + 20 * 3000, 4000, Decimal("17.5"))
    assert (late.effective_value, late.effective_n) == (10, 1)
    assert answers.billing_latency(truth, "X", "2026-03", end("2026-03-21")).effective_value == Decimal("17.5")


def test_the_approval_that_counts_is_the_latest_before_posting() -> None:
    firm = Tiny()
    firm.project()
    firm.rate("r", 100)
    firm.work(
        "T1", "2026-03-01", 10, ("submitted", "2026-03-02"), approved("2026-03-03"), ("rejected", "2026-03-04"),
        ("submitted", "2026-03-05"), approved("2026-03-08"), approved("2026-03-30"),
    )  # fmt: skip
    firm.bill("I1", "2026-03-15", ("time", "T1", 10, 1000), invoice_date="2026-03-10")
    stages = answers.billing_latency(firm.truth(), "X", "2026-03", end("2026-03-31")).stages
    assert list(stages.values()) == [1, 6, 0, 2, 5]


# --- from quote to project -------------------------------------------------------------------------------------


def test_c12_reopened_after_won() -> None:
    firm = Tiny()
    firm.deal(
        "O1", ("qualify", "2026-02-01"), ("closed_won", "2026-03-02T10:00"), ("negotiate", "2026-03-09T09:00"),
        ("closed_won", "2026-03-20T15:00"),
    )  # fmt: skip
    firm.project(
        statuses=(
            ("created", "2026-03-04T10:00"), ("active", "2026-03-05T10:00"), ("on_hold", "2026-03-09T09:05"),
            ("active", "2026-03-23T15:00"),
        )
    )  # fmt: skip
    truth = firm.truth()
    assert answers.quote_to_project(truth, "X", "2026-03", end("2026-03-08")).days == [3]  # the first pass
    assert answers.quote_to_project(truth, "X", "2026-03", end("2026-03-15")).n == 0  # not won in force
    assert answers.quote_to_project(truth, "X", "2026-03", end("2026-03-31")).days == [3]
    waiting = [
        answers.won_without_project(truth, "X", day(d), end(d)).count
        for d in ("2026-03-04", "2026-03-06", "2026-03-21", "2026-03-24")
    ]
    assert waiting == [1, 0, 1, 0]


def test_reopened_with_a_project_that_stayed_active_takes_no_day() -> None:
    firm = Tiny()
    firm.deal("O1", ("closed_won", "2026-03-02"), ("negotiate", "2026-03-09"), ("closed_won", "2026-04-20"))
    firm.project(statuses=(("created", "2026-03-04"), ("active", "2026-03-05")))
    truth = firm.truth()
    assert answers.quote_to_project(truth, "X", "2026-04", end("2026-04-30")).days == [0]
    assert answers.quote_to_project(truth, "X", "2026-03", end("2026-04-30")).n == 0
    assert answers.quote_to_project(truth, "X", "2026-03", end("2026-03-08")).days == [3]


def test_c23_population() -> None:
    firm = Tiny()
    for key, won in (("O1", "01"), ("O2", "02"), ("O3", "10"), ("O5", "08")):
        firm.deal(key, ("closed_won", f"2026-03-{won}T09:00"))
    firm.deal("O4", ("closed_won", "2026-03-11T09:00"), services=False)
    for key, deal, active in (
        ("P1", "O1", "03"), ("P2a", "O2", "06"), ("P2b", "O2", "12"), ("P5", "O5", "05"), ("P9", None, "15"),
    ):  # fmt: skip
        moment = f"2026-03-{active}T09:00"
        firm.project(key, opportunity=deal, statuses=(("created", moment), ("active", moment)))
    truth, now = firm.truth(), at("2026-03-31T09:00")
    got = answers.quote_to_project(truth, "X", "2026-03", now)
    assert (got.mean, got.median, got.p90, got.n) == (3, 3, 4, 2)
    assert (got.started_before_win, got.excluded_non_services) == (1, 1)
    assert float(got.sla_pct or 0) == pytest.approx(1 / 3)
    waiting = answers.won_without_project(truth, "X", day("2026-03-31"), now)
    assert (waiting.count, waiting.oldest_age_days, waiting.opportunity_ids) == (1, 21, ("O3",))
    assert answers.orphan_projects(truth, "X", day("2026-03-31"), now) == ["P9"]
    # Once our push has made the project of O3, it is completed like any other.
    pushed = answers.quote_to_project(truth, "X", "2026-03", now, {"O3": at("2026-03-20T09:00")})
    assert (pushed.days, pushed.open_late) == ([2, 4, 10], 0)


def test_an_edit_after_the_win_is_no_second_win() -> None:
    firm = Tiny()
    firm.deal("O1", ("closed_won", "2026-03-02"), ("closed_won", "2026-03-04"))
    firm.project(statuses=(("created", "2026-03-05"), ("active", "2026-03-05")))
    assert answers.quote_to_project(firm.truth(), "X", "2026-03", end("2026-03-31")).days == [3]


def test_p90_is_the_nearest_rank_and_the_month_is_local() -> None:
    firm = Tiny(zone="America/New_York")
    for number in range(1, 12):
        firm.deal(f"O{number}", ("closed_won", "2026-03-01T12:00"))
        moment = f"2026-03-{number + 1:02d}T12:00"
        firm.project(f"P{number}", opportunity=f"O{number}", statuses=(("created", moment), ("active", moment)))
    firm.deal("Olate", ("closed_won", "2026-03-31T04:00"))
    # 1 April in UTC is still March in New York.
    firm.project(
        "Plate",
        opportunity="Olate",
        statuses=(("created", "2026-04-01T03:00"), ("active", "2026-04-01T03:30")),
    )
    got = answers.quote_to_project(firm.truth(), "X", "2026-03", end("2026-05-31"))
    assert got.n == 12
    assert got.p90 == 10  # the 11th of 12
    assert got.in_sla == 4


def test_open_deals_are_late_only_beyond_the_sla_and_only_in_their_time() -> None:
    firm = Tiny()
    firm.deal("O1", ("closed_won", "2026-03-27T23:59"))
    firm.deal("O2", ("closed_won", "2026-03-29"))
    firm.deal("O3", ("closed_won", "2026-04-02"))
    firm.deal("O4", ("closed_lost", "2026-03-02"))
    firm.project(opportunity="O1", statuses=(("created", "2026-04-05"), ("active", "2026-04-05")))
    truth = firm.truth()
    march = answers.quote_to_project(truth, "X", "2026-03", end("2026-06-30"))
    assert (march.n, march.open_late, march.sla_pct) == (0, 1, 0)
    assert answers.won_without_project(truth, "X", day("2026-03-31"), end("2026-06-30")).opportunity_ids == (
        "O1",
        "O2",
    )
    assert answers.quote_to_project(truth, "X", "2026-02", end("2026-06-30")).sla_pct is None


def test_what_the_loop_must_create_and_what_waits() -> None:
    firm = Tiny()
    firm.deal("O1", ("closed_won", "2026-03-01"), approved="2026-03-02")
    firm.deal("O2", ("closed_won", "2026-03-01"), approved="2026-03-02")
    firm.deal("O3", ("closed_won", "2026-03-01"), approved="2026-03-12")
    firm.deal("O4", ("closed_won", "2026-03-01"))
    firm.deal("O5", ("closed_won", "2026-03-01"), approved="2026-03-02", services=False)
    firm.deal("O6", ("closed_won", "2026-03-01"), ("negotiate", "2026-03-05"), approved="2026-03-02")
    firm.project(opportunity="O1", statuses=(("created", "2026-03-03"), ("active", "2026-03-03")))
    firm.project("P2", opportunity="O2", statuses=())
    truth = firm.truth()
    assert answers.eligible_for_provisioning(truth, at("2026-03-10")) == ["O1", "O2"]
    got = answers.loop_expectations(truth, at("2026-03-10"))
    assert (got.has_project, got.to_create) == (("O1",), ("O2",))
    assert got.waiting == {"O3": "contract not approved", "O4": "contract not approved"}
    assert answers.eligible_for_provisioning(truth, at("2026-03-12T13:00")) == ["O1", "O2", "O3"]


# --- the firm itself -------------------------------------------------------------------------------------------


def total(truth: Truth, entity: str, month: str) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    points = {
        p.basis: answers.unbilled_wip(truth, entity, p.as_of, p.knowledge_at)
        for p in answers.reporting_points(truth, START)
        if (p.period, p.legal_entity_id) == (month, entity)
    }
    return points["as_reported"], points["restated"]


def without_late_events(truth: Truth, entity: str, month: str, *, only: str) -> Truth:
    """The firm in which one kind of news about a month's time came in before its close, or not at all.

    `only='approvals'`: no rate was recorded after the close, and of the entries' late events only plain approvals of
    time that had been submitted by then remain. `only='rates'`: the rates remain and no entry changed any more.
    `only='nothing'`: neither.
    """
    period = next(p for p in truth.periods if (p.legal_entity_id, p.month) == (entity, month))
    closed, last = period.closed_at, period.end_date
    assert closed is not None
    entries = []
    for entry in truth.time_entries:
        known = [event for event in entry.statuses if event.at <= closed]
        if (
            entry.work_date > last
            or len(known) == len(entry.statuses)
            or (
                only == "approvals"
                and [e.status for e in known] == ["submitted"]
                and entry.statuses[-1].status == "approved"
            )
        ):
            entries.append(entry)
        elif entry.created_at <= closed:
            entries.append(replace(entry, statuses=tuple(known)))
    rates = truth.rate_card_lines
    if only != "rates":
        rates = tuple(line for line in rates if line.effective_from > last or line.recorded_at <= closed)
    return replace(truth, time_entries=tuple(entries), rate_card_lines=rates)


@pytest.mark.parametrize(
    ("entity", "month", "causes"),
    [
        ("DE01", "2025-06", ("rates", "approvals")),
        ("DE01", "2026-08", ("rates",)),
        ("DE01", "2026-09", ("approvals",)),
        ("US01", "2026-02", ("rates", "approvals")),
        ("US01", "2026-09", ("approvals",)),
    ],
)
def test_as_reported_and_restated_differ_by_each_cause_on_its_own(
    firm: Truth, entity: str, month: str, causes: tuple[str, ...]
) -> None:
    reported, restated = total(firm, entity, month)
    assert reported != restated
    for cause in causes:
        alone = without_late_events(firm, entity, month, only=cause)
        then, now = total(alone, entity, month)
        assert then == reported  # what was known at the close is untouched
        assert now != then, cause
    quiet = without_late_events(firm, entity, month, only="nothing")
    then, now = total(quiet, entity, month)
    assert then == now == reported


def test_latency_differs_as_reported_and_restated_where_a_credit_followed(firm: Truth) -> None:
    moved = 0
    for point in answers.reporting_points(firm, START):
        if point.basis == "as_reported" and not point.is_provisional:
            then = answers.billing_latency(firm, point.legal_entity_id, point.period, point.knowledge_at)
            now = answers.billing_latency(firm, point.legal_entity_id, point.period, START)
            assert (then.value, then.n) == (now.value, now.n)  # what was first billed in a month stays so
            moved += then.effective_value != now.effective_value
    assert moved >= 5


def test_layers_add_up_to_the_stock_and_stages_to_the_total(firm: Truth) -> None:
    for entity in ("DE01", "US01"):
        for month in ("2025-03-31", "2025-12-31", "2026-09-30"):
            stock = answers.unbilled_wip(firm, entity, day(month), START)
            ageing = answers.unbilled_wip_ageing(firm, entity, day(month), START)
            for currency, amount in stock.items():
                assert abs(sum(ageing[currency].values(), Decimal(0)) - amount) <= Decimal("0.03")
                assert amount >= 0
            for line in answers.wip_lines(firm, entity, day(month), START):
                if line.billing_method != "time_and_materials":
                    assert line.wip == max(Decimal(0), line.value - line.billed)
        got = answers.billing_latency(firm, entity, "2026-05", START)
        assert got.time_value is not None
        assert abs(sum(got.stages.values(), Decimal(0)) - got.time_value) < Decimal("1e-15")


def test_every_method_currency_and_bucket_carries_money_somewhere(firm: Truth) -> None:
    methods: set[tuple[str, str, str]] = set()
    buckets: set[tuple[str, str]] = set()
    over = overbilled = unapproved = Decimal(0)
    for month in ("2025-06-30", "2026-03-31", "2026-09-30"):
        for entity in ("DE01", "US01"):
            by_method = answers.unbilled_wip_by_method(firm, entity, day(month), START)
            methods |= {(entity, *key) for key, amount in by_method.items() if amount}
            for currency, amounts in answers.unbilled_wip_ageing(firm, entity, day(month), START).items():
                buckets |= {(currency, name) for name, amount in amounts.items() if amount}
            over += sum(answers.over_cap_exposure(firm, entity, day(month), START).values(), Decimal(0))
            overbilled += sum(answers.overbilled_exposure(firm, entity, day(month), START).values(), Decimal(0))
            unapproved += sum(answers.wip_unapproved(firm, entity, day(month), START).values(), Decimal(0))
            assert answers.unbilled_wip_group_eur(firm, entity, day(month), START)
    assert {method for _, method, _ in methods} == {
        "time_and_materials",
        "fixed_fee",
        "milestone",
        "retainer",
    }
    assert {(e, c) for e, _, c in methods} == {
        ("DE01", "EUR"),
        ("DE01", "USD"),
        ("US01", "USD"),
        ("US01", "EUR"),
    }
    assert {name for _, name in buckets} == {"0-30", "31-60", "61-90", "91-120", ">120"}
    assert min(over, overbilled, unapproved) > 0


def test_the_loops_work_at_today(firm: Truth) -> None:
    got = answers.loop_expectations(firm, START)
    assert 8 <= len(got.to_create) <= 12
    assert set(got.eligible) == set(got.has_project) | set(got.to_create)
    assert not set(got.has_project) & set(got.to_create)
    created = {p.opportunity_id for p in firm.projects if p.created_at is None}
    assert set(got.to_create) <= created
    assert len(got.new_customers) >= 3
    assert len(got.waiting) >= 6
    assert not {d.record_id for d in firm.defects} & (set(got.eligible) | set(got.waiting) | set(got.posted_invoices))
    later = answers.loop_expectations(firm, START + timedelta(days=40))
    assert len(later.eligible) > len(got.eligible)


def test_all_months_are_answered_in_seconds(firm: Truth) -> None:
    before = time.process_time()
    for point in answers.reporting_points(firm, START):
        where = (firm, point.legal_entity_id)
        answers.unbilled_wip(*where, point.as_of, point.knowledge_at)
        answers.billing_latency(*where, point.period, point.knowledge_at)
        answers.quote_to_project(*where, point.period, point.knowledge_at)
    assert time.process_time() - before < 15


def test_the_answers_share_nothing_with_the_platform() -> None:
    platform = {
        "common",
        "systems",
        "ingestion",
        "quality",
        "reverse_etl",
        "orchestration",
        "dashboards",
        "duckdb",
    }
    for path in (Path(answers.__file__).parent).glob("answers*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & platform
            assert all(
                not name.startswith("sandbox.") or "answers" in name or name == "sandbox.truth" for name in names
            )
