"""The simulated firm's known answers against `kpi_value`, from the truth straight into the mapping's columns.

The answers are counted by plain loops from the truth; the model computes them in SQL from mapping rows. What lies
between a vendor's record and its mapping row is not in play here: that is what the end-to-end test is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from sandbox import answers
from sandbox.firm import build as build_firm
from sandbox.truth import Truth

pytestmark = pytest.mark.slow

TODAY = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
SEED = 7
CURRENCY = {"DE01": "EUR", "US01": "USD"}
STAGES = {
    "work>submit": "work_to_submit",
    "submit>approve": "submit_to_approve",
    "approve>ready": "approve_to_ready",
    "ready>invoice": "ready_to_invoice",
    "invoice>post": "invoice_to_post",
}


def utc(at: datetime | None) -> datetime | None:
    """Naive UTC, as mapping columns hold it; what lies in the future is not known."""
    return at.astimezone(UTC).replace(tzinfo=None) if at is not None and at <= TODAY else None


def facts(truth: Truth) -> dict[str, list[dict[str, Any]]]:
    """Every accepted record of the truth at TODAY, in the mapping's columns."""
    bad = {defect.record_id for defect in truth.defects}
    out = dict(people(truth, bad))
    out |= deals(truth, bad)
    out |= work(truth, bad)
    out |= documents(truth, bad)
    return out


def people(truth: Truth, bad: set[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "map_legal_entity__netsuite", [
        {
            "source_id": e.id, "code": e.id, "name": e.name, "functional_currency": e.currency, "country": e.country,
            "time_zone": e.time_zone,
        }
        for e in truth.legal_entities
    ]  # fmt: skip
    yield "map_accounting_period__netsuite", [
        {
            "source_id": p.id, "legal_entity_source_id": p.legal_entity_id, "period": p.month,
            "start_date": p.start_date, "end_date": p.end_date, "closed_at": utc(p.closed_at),
            "status": "closed" if utc(p.closed_at) else "open",
        }
        for p in truth.periods
    ]  # fmt: skip
    yield "map_fx_rate__netsuite", [
        {
            "source_id": f"{r.from_currency}{r.to_currency}{r.rate_type}{r.rate_date}", "from_currency": r.from_currency,
            "to_currency": r.to_currency, "rate_type": r.rate_type, "rate_date": r.rate_date, "rate": r.rate,
        }
        for r in truth.fx_rates
    ]  # fmt: skip
    for system, since in (
        ("salesforce", "created_at"),
        ("kantata", "known_to_psa_at"),
        ("netsuite", "known_to_erp_at"),
    ):
        yield f"map_customer__{system}", [
            {
                "source_id": c.id, "name": c.name, "legal_name": c.legal_name, "country": c.country,
                "domain": c.domain, "currency": c.currency, "tax_registration_id": c.tax_id,
                "account_owner": c.owner_email, "created_at": utc(getattr(c, since)),
                "external_ref": None if system == "salesforce" else f"salesforce:{c.id}",
            }
            for c in truth.customers
            if utc(getattr(c, since)) and c.id not in bad
        ]  # fmt: skip
    for system in ("bamboohr", "kantata"):
        yield f"map_resource__{system}", [
            {
                "source_id": r.id, "employee_number": r.id, "email": r.email, "full_name": r.last_name,
                "role": r.role, "practice": r.practice, "legal_entity_code": r.legal_entity_id,
                "hire_date": r.hire_date, "weekly_hours": r.weekly_hours, "is_active": True,
            }
            for r in truth.resources
            if r.id not in bad
        ]  # fmt: skip
    yield "map_rate_card_line__kantata", [
        {
            "source_id": f"{line.rate_card_id}/{line.role}/{line.effective_from}/{line.recorded_at}",
            "rate_card_ref": line.rate_card_id, "role": line.role, "currency": line.currency,
            "bill_rate": line.bill_rate, "effective_from": line.effective_from, "recorded_at": utc(line.recorded_at),
        }
        for line in truth.rate_card_lines
        if utc(line.recorded_at)
    ]  # fmt: skip


def deals(truth: Truth, bad: set[str]) -> dict[str, list[dict[str, Any]]]:
    known = [o for o in truth.opportunities if utc(o.created_at) and o.id not in bad]
    signed = [c for c in truth.contracts if utc(c.signed_at)]
    return {
        "map_opportunity__salesforce": [
            {
                "source_id": o.id, "customer_source_id": o.customer_id, "name": o.name, "stage": past[-1].stage,
                "is_won": past[-1].stage == "closed_won", "is_closed": past[-1].stage.startswith("closed"),
                "amount": past[-1].amount, "currency": o.currency, "service_line": o.service_line,
                "is_services": o.is_services, "billing_method": o.billing_method,
                "legal_entity_code": o.legal_entity_id, "contract_approved_at": utc(o.contract_approved_at),
                "created_at": utc(o.created_at),
            }
            for o in known
            for past in [[s for s in o.stages if utc(s.at)]]
            if past
        ],
        "map_opportunity_stage_event__salesforce": [
            {
                "source_id": f"{o.id}:{number:03d}", "opportunity_source_id": o.id, "stage": s.stage,
                "is_won": s.stage == "closed_won", "amount": s.amount, "currency": o.currency,
                "probability": s.probability, "occurred_at": utc(s.at),
            }
            for o in known
            for number, s in enumerate(o.stages)
            if utc(s.at)
        ],
        "map_contract__salesforce": [
            {
                "source_id": c.id, "number": c.number, "opportunity_source_id": c.opportunity_id,
                "customer_source_id": c.customer_id, "legal_entity_code": c.legal_entity_id, "currency": c.currency,
                "status": "signed", "signed_at": utc(c.signed_at), "start_date": c.start_date,
                "end_date": c.end_date, "original_amount": c.amount,
            }
            for c in signed
        ],
        "map_contract_line__salesforce": [
            {
                "source_id": line.id, "contract_source_id": c.id, "line_no": line.line_no,
                "billing_method": line.billing_method, "revenue_method": line.revenue_method, "amount": line.amount,
                "currency": c.currency, "planned_hours": line.planned_hours, "nte_cap": line.nte_cap,
                "rate_card_ref": line.rate_card_id, "included_hours": line.included_hours,
                "overage_rate": line.overage_rate,
            }
            for c in signed
            for line in c.lines
        ],
        "map_contract_amendment__salesforce": [
            {
                "source_id": a.id, "contract_source_id": a.contract_id, "amendment_no": a.number,
                "effective_date": a.effective_date, "signed_at": utc(a.signed_at), "amount_delta": a.amount_delta,
                "hours_delta": a.hours_delta, "new_nte_cap": a.new_nte_cap, "reason": a.reason,
            }
            for a in truth.amendments
            if utc(a.signed_at)
        ],
    }  # fmt: skip


def work(truth: Truth, bad: set[str]) -> dict[str, list[dict[str, Any]]]:
    known = [p for p in truth.projects if p.created_at and utc(p.created_at) and p.id not in bad]
    ids = {p.id for p in known}
    email = {r.id: r.email for r in truth.resources}
    entries = [e for e in truth.time_entries if utc(e.created_at) and e.project_id in ids and e.id not in bad]
    return {
        "map_project__kantata": [
            {
                "source_id": p.id, "project_number": p.id, "name": p.name, "customer_source_id": p.customer_id,
                "opportunity_ref": f"salesforce:{p.opportunity_id}" if p.opportunity_id else None,
                "contract_ref": f"salesforce:{p.contract_id}" if p.contract_id else None,
                "legal_entity_code": p.legal_entity_id, "currency": p.currency, "billing_method": p.billing_method,
                "service_line": p.service_line, "status": "active", "start_date": p.start_date,
                "end_date": p.end_date, "planned_hours": p.planned_hours, "rate_card_ref": p.rate_card_id,
                "created_at": utc(p.created_at),
            }
            for p in known
        ],
        "map_project_status_event__kantata": [
            {
                "source_id": f"{p.id}:{number:03d}", "project_source_id": p.id, "status": s.status,
                "occurred_at": utc(s.at), "actor": s.actor,
            }
            for p in known
            for number, s in enumerate(p.statuses)
            if utc(s.at)
        ],
        "map_milestone__kantata": [
            {
                "source_id": m.id, "project_source_id": m.project_id, "name": m.name, "amount": m.amount,
                "contract_line_ref": f"salesforce:{m.contract_line_id}", "planned_date": m.planned_date,
                "status": "planned", "achieved_at": utc(m.achieved_at), "accepted_at": utc(m.accepted_at),
            }
            for m in truth.milestones
            if utc(m.created_at) and m.project_id in ids
        ],
        "map_time_entry__kantata": [
            {
                "source_id": e.id, "known_from": utc(e.created_at), "project_source_id": e.project_id,
                "resource_ref": email[e.resource_id], "work_date": e.work_date, "hours": e.hours,
                "billable": e.billable, "status": past[-1].status if past else "draft", "is_billed": False,
                "replaces_source_id": e.replaces_id, "created_at": utc(e.created_at),
            }
            for e in entries
            for past in [[s for s in e.statuses if utc(s.at)]]
        ],
        "map_time_entry_status_event__kantata": [
            {
                "source_id": f"{e.id}:{number:03d}", "time_entry_source_id": e.id, "status": s.status,
                "occurred_at": utc(s.at), "actor": s.actor,
            }
            for e in entries
            for number, s in enumerate(e.statuses)
            if utc(s.at)
        ],
    }  # fmt: skip


def documents(truth: Truth, bad: set[str]) -> dict[str, list[dict[str, Any]]]:
    known = [i for i in truth.invoices if utc(i.created_at) and i.id not in bad]
    return {
        "map_invoice__netsuite": [
            {
                "source_id": i.id, "number": i.number if utc(i.posted_at) else None, "document_type": i.document_type,
                "customer_source_id": i.customer_id, "legal_entity_source_id": i.legal_entity_id,
                "project_ref": f"kantata:{i.project_id}", "contract_ref": f"salesforce:{i.contract_id}",
                "currency": i.currency, "invoice_date": i.invoice_date, "due_date": i.due_date,
                "posted_at": utc(i.posted_at), "posting_period": i.posting_period, "net_amount": i.net_amount,
                "tax_amount": Decimal(0), "gross_amount": i.net_amount, "open_amount": Decimal(0),
                "status": "posted" if utc(i.posted_at) else "draft", "corrects_source_id": i.corrects_id,
                "rebill_of_source_id": i.rebill_of_id, "credit_reason": i.credit_reason,
                "created_at": utc(i.created_at),
            }
            for i in known
        ],
        "map_invoice_line__netsuite": [
            {
                "source_id": f"{i.id}:{line.line_no}", "invoice_source_id": i.id, "line_no": line.line_no,
                "line_type": line.line_type, "quantity": line.quantity, "rate": line.rate,
                "time_entry_ref": f"kantata:{line.time_entry_id}" if line.time_entry_id else None,
                "milestone_ref": f"kantata:{line.milestone_id}" if line.milestone_id else None,
                "net_amount": line.net_amount,
            }
            for i in known
            for line in i.lines
        ],
        "map_payment__netsuite": [
            {
                "source_id": y.id, "invoice_source_id": y.invoice_id, "customer_source_id": y.customer_id,
                "currency": y.currency, "amount": y.amount, "received_date": y.received_date,
                "applied_at": utc(y.applied_at),
            }
            for y in truth.payments
            if utc(y.applied_at)
        ],
    }  # fmt: skip


def quarantine(truth: Truth) -> list[dict[str, Any]]:
    """What the gates hold back of the firm's known defects."""
    return [
        {"system": d.system, "table_name": d.object, "instance": "main", "source_id": d.record_id, "record_hash": "h",
         "rule": d.rule, "reason": d.rule, "amount": d.amount, "currency": d.currency}
        for d in truth.defects
    ]  # fmt: skip


@pytest.fixture(scope="module")
def truth() -> Truth:
    return build_firm(TODAY, SEED)


@pytest.fixture(scope="module")
def values(build: Callable[..., Any], truth: Truth) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """kpi_value by (measure, entity, period, basis, currency, dimension, dimension value)."""
    built = build(facts(truth), quarantine=quarantine(truth), now=f"{TODAY:%Y-%m-%dT%H:%M:%S}")
    rows = built.rows(
        "select measure, legal_entity_code, period, basis, currency, dimension, dimension_value, value, numerator,"
        " denominator, n, n_excluded, is_provisional, excluded_amount, excluded_reasons from kpi.kpi_value"
    )
    return {row[:7]: row[7:] for row in rows}


@pytest.fixture(scope="module")
def points(truth: Truth) -> list[answers.ReportingPoint]:
    return answers.reporting_points(truth, TODAY)


def cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def close(left: Decimal | None, right: Decimal | None) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) < Decimal("0.000001")


def differences(
    values: dict[tuple[Any, ...], tuple[Any, ...]],
    points: list[answers.ReportingPoint],
    expected: Callable[[answers.ReportingPoint], dict[tuple[Any, ...], Decimal | None]],
    same: Callable[[Any, Any], bool],
) -> list[str]:
    """What differs, point by point; `expected` gives (measure, currency, dimension, value) -> amount."""
    wrong = []
    for point in points:
        for (measure, *rest), amount in expected(point).items():
            found = values.get((measure, point.legal_entity_id, point.period, point.basis, *rest))
            if not same(found[0] if found else None, amount):
                wrong.append(f"{measure} {rest} {point}: {found} instead of {amount}")
    return wrong


STOCKS = {
    "unbilled_wip": answers.unbilled_wip,
    "wip_unapproved": answers.wip_unapproved,
    "over_cap_exposure": answers.over_cap_exposure,
    "overbilled_exposure": answers.overbilled_exposure,
    "billable_now": answers.billable_now,
}


@pytest.mark.parametrize("measure", STOCKS)
def test_stocks_equal_the_known_answers_to_the_cent(measure, values, points, truth):
    def expected(p: answers.ReportingPoint) -> dict[tuple[Any, ...], Decimal | None]:
        told = STOCKS[measure](truth, p.legal_entity_id, p.as_of, p.knowledge_at)
        return {(measure, currency, "none", "all"): amount for currency, amount in told.items()}

    def same(found: Decimal | None, amount: Decimal) -> bool:
        return cents(found or Decimal(0)) == amount

    assert len(points) > 90
    assert differences(values, points, expected, same) == []


def test_group_currency_equals_the_known_answers_to_the_cent(values, points, truth):
    def expected(p: answers.ReportingPoint) -> dict[tuple[Any, ...], Decimal | None]:
        told = answers.unbilled_wip_group_eur(truth, p.legal_entity_id, p.as_of, p.knowledge_at)
        return {("unbilled_wip_group_eur", "EUR", "none", "all"): told}

    assert differences(values, points, expected, lambda found, amount: cents(found) == amount) == []


def test_ageing_and_method_equal_the_known_answers_to_the_cent(values, points, truth):
    def expected(p: answers.ReportingPoint) -> dict[tuple[Any, ...], Decimal | None]:
        place = (truth, p.legal_entity_id, p.as_of, p.knowledge_at)
        out: dict[tuple[Any, ...], Decimal | None] = {}
        for currency, buckets in answers.unbilled_wip_ageing(*place).items():
            for name, amount in buckets.items():
                out["unbilled_wip", currency, "ageing_bucket", name] = amount
        for (method, currency), amount in answers.unbilled_wip_by_method(*place).items():
            out["unbilled_wip", currency, "billing_method", method] = amount
        return out

    def same(found: Decimal | None, amount: Decimal) -> bool:
        return cents(found or Decimal(0)) == amount

    assert differences(values, points, expected, same) == []


def test_latency_equals_the_known_answers(values, points, truth):
    def expected(p: answers.ReportingPoint) -> dict[tuple[Any, ...], Decimal | None]:
        told = answers.billing_latency(truth, p.legal_entity_id, p.period, p.knowledge_at)
        out = {
            ("billing_latency_days", None, "weighting", "amount"): told.value,
            ("billing_latency_days", None, "weighting", "hours"): told.hours_weighted,
            ("billing_latency_days", None, "weighting", "count"): told.count_weighted,
            ("billing_latency_effective_days", None, "weighting", "amount"): told.effective_value,
        }
        for name, days in told.stages.items():
            out["billing_latency_days", None, "stage", STAGES[name]] = days
        return out

    assert differences(values, points, expected, close) == []


def test_latency_counts_what_it_leaves_out(values, points, truth):
    for p in points:
        told = answers.billing_latency(truth, p.legal_entity_id, p.period, p.knowledge_at)
        found = values.get(("billing_latency_days", p.legal_entity_id, p.period, p.basis, None, "weighting", "amount"))
        held_back = sum(d.object == "transaction" and d.currency == CURRENCY[p.legal_entity_id] for d in truth.defects)
        if told.n:
            assert (found[3], found[4]) == (told.n, told.n_excluded + held_back), p


def test_cycle_time_equals_the_known_answers(values, points, truth):
    def expected(p: answers.ReportingPoint) -> dict[tuple[Any, ...], Decimal | None]:
        told = answers.quote_to_project(truth, p.legal_entity_id, p.period, p.knowledge_at)
        waiting = answers.won_without_project(truth, p.legal_entity_id, p.as_of, p.knowledge_at)
        orphans = answers.orphan_projects(truth, p.legal_entity_id, p.as_of, p.knowledge_at)
        return {
            ("quote_to_project_days", None, "statistic", "mean"): told.mean,
            ("quote_to_project_days", None, "statistic", "median"): told.median,
            ("quote_to_project_days", None, "statistic", "p90"): told.p90,
            ("quote_to_project_sla_pct", None, "none", "all"): told.sla_pct,
            ("started_before_win", None, "none", "all"): Decimal(told.started_before_win),
            ("won_without_project", None, "none", "all"): Decimal(waiting.count),
            ("won_without_project", None, "statistic", "oldest_age_days"): waiting.oldest_age_days,
            ("orphan_projects", None, "none", "all"): Decimal(len(orphans)),
        }

    assert differences(values, points, expected, close) == []


def test_as_reported_and_restated_differ_where_the_firm_says_so(values, points):
    """A late approval and a rate that was raised after the fact: the books of a closed month do not move."""
    changed = [
        p
        for p in points
        if p.basis == "as_reported" and not p.is_provisional
        for currency in ("EUR", "USD")
        if (key := ("unbilled_wip", p.legal_entity_id, p.period, "as_reported", currency, "none", "all")) in values
        and values[key][0] != values[(*key[:3], "restated", *key[4:])][0]
    ]
    assert len({p.legal_entity_id for p in changed}) == 2
    assert all(p.as_of < date(2026, 10, 1) for p in changed)


def test_quarantined_rows_count_nowhere_but_in_what_is_left_out(values, truth):
    """Each defect's row is told beside the measures that miss it, with its money, in the books of its currency."""
    hours = [d for d in truth.defects if d.object == "time_entries"]
    documents = [d for d in truth.defects if d.object == "transaction"]
    for entity, currency in CURRENCY.items():
        row = values["unbilled_wip", entity, "2026-03", "restated", currency, "none", "all"]
        mine = [d for d in hours + documents if d.currency == currency]
        assert mine
        assert row[4] == len(mine)
        assert row[6] == sum(d.amount for d in mine)
    group = values["quote_to_project_days", "all", "2026-03", "restated", None, "statistic", "mean"]
    for rule in ("opportunity_amount_present", "project_currency_known"):
        n = sum(d.rule == rule for d in truth.defects)
        assert n
        assert f"{rule}:{n}" in group[7].split(";")


def test_the_group_adds_up(values, points):
    """The group's row is the sum of the entities' rows, or the ratio of their sums."""
    for period in {p.period for p in points}:
        for basis in ("as_reported", "restated"):
            wip = [
                values["unbilled_wip_group_eur", e, period, basis, "EUR", "none", "all"][0] for e in ("DE01", "US01")
            ]
            assert values["unbilled_wip_group_eur", "all", period, basis, "EUR", "none", "all"][0] == sum(wip)
            key = (period, basis, None, "statistic", "mean")
            parts = [
                values[("quote_to_project_days", e, *key)]
                for e in ("DE01", "US01")
                if ("quote_to_project_days", e, *key) in values
            ]
            if parts:
                expected = sum(p[1] for p in parts) / sum(p[2] for p in parts)
                assert close(values[("quote_to_project_days", "all", *key)][0], expected)
