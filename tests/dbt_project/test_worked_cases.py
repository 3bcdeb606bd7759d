"""The worked KPI cases, from mapping rows through the whole model: C01, C02, C06, C10, C12, C14, C23, C27.

Each case is a legal entity of its own (in UTC, as the cases say), so that one build holds them all and every reporting
point of a case is its own. The numbers expected are the cases' own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CASES = ("C01", "C02", "C06", "C10", "C12", "C14", "C23", "C27")
NOW = "2026-12-31T00:00:00"
Facts = dict[str, list[dict[str, Any]]]


class Scene:
    """Collects mapping rows; ids are prefixed with the case so that cases don't meet."""

    def __init__(self) -> None:
        self.facts: Facts = {}
        self.points: list[tuple[str, str, str, str, str]] = []

    def add(self, model: str, **row: Any) -> None:
        self.facts.setdefault(model, []).append(row)

    def point(self, case: str, as_of: str, knowledge_at: str | None = None, label: str | None = None) -> None:
        """A reporting point; as known at the end of its day where nothing else is said."""
        at = knowledge_at or f"{as_of} 23:59:59.999999"
        self.points.append((case, label or as_of, "added", as_of, at))

    def entity(self, case: str) -> None:
        self.add("map_legal_entity__netsuite", source_id=case, code=case, name=case, functional_currency="USD",
                 country="US", time_zone="UTC")  # fmt: skip

    def project(self, case: str, id_: str, **row: Any) -> None:
        given = {"billing_method": "time_and_materials", "currency": "USD", "status": "active"} | row
        self.add("map_project__kantata", source_id=f"{case}-{id_}", name=id_, legal_entity_code=case,
                 created_at="2024-01-01", customer_source_id="none", **given)  # fmt: skip

    def entry(
        self, case: str, id_: str, project: str, day: str, hours: float, rate: float | None = None, **row: Any
    ) -> None:
        self.add("map_time_entry__kantata", source_id=f"{case}-{id_}", project_source_id=f"{case}-{project}",
                 known_from=f"{day} 00:00:00", resource_ref="r@x.example", work_date=day, hours=hours, billable=True,
                 bill_rate=rate, currency="USD", status="approved", **row)  # fmt: skip

    def status(self, case: str, entry: str, status: str, at: str) -> None:
        self.add("map_time_entry_status_event__kantata", source_id=f"{case}-{entry}-{at}",
                 time_entry_source_id=f"{case}-{entry}", status=status, occurred_at=at)  # fmt: skip

    def document(
        self,
        case: str,
        id_: str,
        project: str,
        posted: str,
        lines: list[tuple[str | None, float, float]],
        **row: Any,
    ) -> None:
        """lines: (entry or None, quantity, net); `line_types` gives the types, else all are time."""
        types = row.pop("line_types", ["time"] * len(lines))
        given = {"document_type": "invoice", "status": "posted", "invoice_date": posted[:10]} | row
        for name in ("corrects_source_id", "rebill_of_source_id"):
            if given.get(name):
                given[name] = f"{case}-{given[name]}"
        self.add("map_invoice__netsuite", source_id=f"{case}-{id_}", legal_entity_source_id=case,
                 project_ref=f"kantata:{case}-{project}", currency="USD", posted_at=posted, customer_source_id="none",
                 net_amount=sum(net for _, _, net in lines), **given)  # fmt: skip
        for number, ((entry, quantity, net), kind) in enumerate(zip(lines, types, strict=True), 1):
            self.add("map_invoice_line__netsuite", source_id=f"{case}-{id_}-{number}",
                     invoice_source_id=f"{case}-{id_}", line_no=number, line_type=kind, quantity=quantity,
                     net_amount=net, time_entry_ref=f"kantata:{case}-{entry}" if entry else None)  # fmt: skip

    def deal(self, case: str, id_: str, *, services: bool = True, changes: list[tuple[str, bool]]) -> None:
        self.add("map_opportunity__salesforce", source_id=f"{case}-{id_}", customer_source_id="none", name=id_,
                 stage="closed_won", is_won=changes[-1][1], is_closed=True, currency="USD", is_services=services,
                 legal_entity_code=case, created_at="2026-01-01")  # fmt: skip
        for number, (at, won) in enumerate(changes):
            self.add("map_opportunity_stage_event__salesforce", source_id=f"{case}-{id_}-{number}",
                     opportunity_source_id=f"{case}-{id_}", stage="closed_won" if won else "negotiate", is_won=won,
                     occurred_at=at)  # fmt: skip

    def project_status(self, case: str, project: str, status: str, at: str) -> None:
        self.add("map_project_status_event__kantata", source_id=f"{case}-{project}-{at}",
                 project_source_id=f"{case}-{project}", status=status, occurred_at=at)  # fmt: skip


def c01(s: Scene) -> None:
    s.project("C01", "P1")
    s.project("C01", "P2")
    for entry, project, day, hours, rate, approved in (
        ("TE1", "P1", "2026-01-12", 40, 150, "2026-01-16 12:00:00"),
        ("TE2", "P1", "2026-01-20", 30, 150, "2026-01-23 12:00:00"),
        ("TE4", "P2", "2026-01-15", 40, 200, "2026-01-23 12:00:00"),
    ):
        s.entry("C01", entry, project, day, hours, rate)
        s.status("C01", entry, "approved", approved)
    # The entry's own rate is corrected: two versions of it.
    s.entry("C01", "TE3", "P1", "2026-01-26", 10, 150, known_to="2026-02-04 09:00:00")
    corrected = dict(
        s.facts["map_time_entry__kantata"][-1], bill_rate=180, known_from="2026-02-04 09:00:00", known_to=None
    )
    s.facts["map_time_entry__kantata"].append(corrected)
    s.status("C01", "TE3", "approved", "2026-01-30 12:00:00")
    billed = [("TE1", 40, 6000.0), ("TE2", 30, 4500.0), ("TE3", 10, 1500.0)]
    s.document("C01", "INV0", "P2", "2026-01-31 10:00:00", [("TE4", 40, 8000.0)])
    s.document("C01", "INV1", "P1", "2026-01-31 12:00:00", billed)
    s.document("C01", "CM1", "P1", "2026-02-04 12:00:00", [(e, -q, -n) for e, q, n in billed],
               document_type="credit_memo", corrects_source_id="INV1")  # fmt: skip
    s.document(
        "C01",
        "INV2",
        "P1",
        "2026-02-10 12:00:00",
        [*billed[:2], ("TE3", 10, 1800.0)],
        rebill_of_source_id="INV1",
    )
    for day in ("2026-01-30", "2026-01-31", "2026-02-04", "2026-02-10"):
        s.point("C01", day)
    s.point("C01", "2026-01-31", "2026-02-28 23:59:59", "2026-01")
    s.point("C01", "2026-02-28", None, "2026-02")


def c02(s: Scene) -> None:
    s.project("C02", "P1", rate_card_ref="RC1")
    for rate, effective, recorded in (
        (100, "2025-01-01", "2024-12-01"),
        (110, "2026-02-01", "2026-03-15 10:00:00"),
    ):
        s.add("map_rate_card_line__kantata", source_id=f"C02-{rate}", rate_card_ref="RC1", role="Consultant",
              currency="USD", bill_rate=rate, effective_from=effective, recorded_at=recorded)  # fmt: skip
    for entry, day, hours, approved in (
        ("TE1", "2026-01-15", 20, "2026-01-20"), ("TE2", "2026-02-12", 50, "2026-02-20"), ("TE3", "2026-03-06", 30, "2026-03-12"),
    ):  # fmt: skip
        s.entry("C02", entry, "P1", day, hours, role="Consultant")
        s.status("C02", entry, "approved", approved)
    s.document("C02", "INVJ", "P1", "2026-01-31 12:00:00", [("TE1", 20, 2000.0)])
    s.document("C02", "INVF", "P1", "2026-02-28 12:00:00", [("TE2", 50, 5000.0)])
    s.document("C02", "INVA", "P1", "2026-04-05 12:00:00", [("TE2", 0, 500.0), ("TE3", 30, 3300.0)],
               line_types=["rate_true_up", "time"])  # fmt: skip
    for day in ("2026-02-28", "2026-03-14", "2026-03-31", "2026-04-05"):
        s.point("C02", day)
    s.point("C02", "2026-02-28", "2026-03-31 23:59:59", "2026-02-28 restated")


def c06(s: Scene) -> None:
    s.project("C06", "P1")
    s.entry("C06", "TE1", "P1", "2026-05-05", 8, 150)
    s.entry("C06", "TE2", "P1", "2026-05-07", 8, 150)
    s.entry("C06", "TE3", "P1", "2026-05-05", 6, 150, replaces_source_id="C06-TE1")
    for entry, status, at in (
        ("TE1", "approved", "2026-05-06 10:00:00"), ("TE2", "approved", "2026-05-08 10:00:00"),
        ("TE1", "rejected", "2026-05-20 10:00:00"), ("TE3", "submitted", "2026-05-21 10:00:00"),
        ("TE3", "approved", "2026-05-22 10:00:00"),
    ):  # fmt: skip
        s.status("C06", entry, status, at)
    for day in ("2026-05-06", "2026-05-15", "2026-05-20", "2026-05-21", "2026-05-31"):
        s.point("C06", day)
    s.point("C06", "2026-05-15", "2026-05-31 23:59:59", "2026-05-15 restated")


def c10(s: Scene) -> None:
    s.add("map_accounting_period__netsuite", source_id="C10-01", legal_entity_source_id="C10", period="2026-01",
          start_date="2026-01-01", end_date="2026-01-31", status="closed", closed_at="2026-02-06 18:00:00")  # fmt: skip
    s.project("C10", "P1")
    for entry, day, hours, approved in (
        ("TE1", "2026-01-16", 60, "2026-01-19"), ("TE2", "2026-01-27", 60, "2026-02-02"),
        ("TE3", "2026-01-29", 10, "2026-02-10 09:00:00"),
    ):  # fmt: skip
        s.entry("C10", entry, "P1", day, hours, 150)
        s.status("C10", entry, "approved", approved)


def c12(s: Scene) -> None:
    s.deal(
        "C12",
        "O1",
        changes=[
            ("2026-03-02 10:00:00", True),
            ("2026-03-09 09:00:00", False),
            ("2026-03-20 15:00:00", True),
        ],
    )
    s.project("C12", "P1", opportunity_ref="salesforce:C12-O1")
    for status, at in (("created", "2026-03-04 10:00:00"), ("active", "2026-03-05 10:00:00"),
                       ("on_hold", "2026-03-09 09:05:00"), ("active", "2026-03-23 15:00:00")):  # fmt: skip
        s.project_status("C12", "P1", status, at)
    s.point("C12", "2026-03-31", None, "2026-03")
    s.point("C12", "2026-03-04", None)


def c14(s: Scene) -> None:
    s.project("C14", "P1")
    lines = []
    for entry, hours, net, work, submitted, approved in (
        ("L1", 10, 1000.0, "2026-03-02", "2026-03-06", "2026-03-09"),
        ("L2", 40, 10000.0, "2026-03-16", "2026-03-20", "2026-03-23"),
        ("L3", 5, 2000.0, "2026-03-27", "2026-03-27", "2026-03-30"),
    ):
        s.entry("C14", entry, "P1", work, hours, 100)
        s.status("C14", entry, "submitted", f"{submitted} 10:00:00")
        s.status("C14", entry, "approved", f"{approved} 11:00:00")
        lines.append((entry, float(hours), net))
    s.document("C14", "I1", "P1", "2026-04-02 09:00:00", lines, invoice_date="2026-03-31")
    s.point("C14", "2026-04-30", None, "2026-04")


def c23(s: Scene) -> None:
    for deal, won, services in (("O1", "2026-03-01", True), ("O2", "2026-03-02", True), ("O3", "2026-03-10", True),
                                ("O4", "2026-03-11", False), ("O5", "2026-03-08", True)):  # fmt: skip
        s.deal("C23", deal, services=services, changes=[(f"{won} 09:00:00", True)])
    for project, deal, active in (("P1", "O1", "2026-03-03"), ("P2a", "O2", "2026-03-06"), ("P2b", "O2", "2026-03-12"),
                                  ("P5", "O5", "2026-03-05"), ("P9", None, "2026-03-15")):  # fmt: skip
        s.project("C23", project, opportunity_ref=f"salesforce:C23-{deal}" if deal else None)
        s.project_status("C23", project, "active", f"{active} 09:00:00")
    s.point("C23", "2026-03-31", "2026-03-31 09:00:00", "2026-03")


def c27(s: Scene) -> None:
    s.add("map_contract__salesforce", source_id="C27-K1", number="K1", customer_source_id="none", currency="USD",
          legal_entity_code="C27", status="signed", signed_at="2026-03-01", original_amount=30000)  # fmt: skip
    s.add("map_contract_line__salesforce", source_id="C27-K1-1", contract_source_id="C27-K1", line_no=1,
          billing_method="time_and_materials", currency="USD", nte_cap=30000)  # fmt: skip
    s.add("map_contract_amendment__salesforce", source_id="C27-A1", contract_source_id="C27-K1", amendment_no=1,
          effective_date="2026-06-15", signed_at="2026-06-15 10:00:00", new_nte_cap=36000)  # fmt: skip
    s.project("C27", "P1", contract_ref="salesforce:C27-K1")
    for entry, day, hours, approved in (
        ("T1", "2026-04-30", 130, "2026-05-04"),
        ("T2", "2026-05-29", 40, "2026-06-02"),
    ):
        s.entry("C27", entry, "P1", day, hours, 200)
        s.status("C27", entry, "submitted", f"{day} 18:00:00")
        s.status("C27", entry, "approved", approved)
    s.document("C27", "I1", "P1", "2026-05-10", [(None, 130, 26000.0)])
    for day in ("2026-05-31", "2026-06-14", "2026-06-15"):
        s.point("C27", day)


@pytest.fixture(scope="module")
def built(build: Callable[..., Any]) -> Any:
    scene = Scene()
    for case in CASES:
        scene.entity(case)
    for story in (c01, c02, c06, c10, c12, c14, c23, c27):
        story(scene)
    return build(scene.facts, points=scene.points, now=NOW)


@pytest.fixture(scope="module")
def value(built: Any) -> Callable[..., float | None]:
    """A value of kpi_value."""

    def ask(case: str, period: str, measure: str, member: str = "all", basis: str = "added") -> float | None:
        rows = built.rows(
            "select value from kpi.kpi_value where legal_entity_code = ? and period = ? and measure = ?"
            " and dimension_value = ? and basis = ?",
            case, period, measure, member, basis,
        )  # fmt: skip
        assert len(rows) < 2, rows
        return float(rows[0][0]) if rows else None

    return ask


@pytest.fixture(scope="module")
def wip(built: Any) -> Callable[..., float]:
    """Unbilled WIP of one project at a point."""

    def ask(case: str, project: str, period: str, column: str = "unbilled_amount") -> float:
        rows = built.rows(
            f"select coalesce(sum(w.{column}), 0) from kpi.kpi_unbilled_wip as w"
            " inner join canonical.dim_project as p on w.project_key = p.project_key"
            " where w.legal_entity_code = ? and p.source_id = ? and w.period = ?",
            case, f"{case}-{project}", period,
        )  # fmt: skip
        return float(rows[0][0])

    return ask


def test_c01_a_credit_reopens_and_a_rebill_closes(wip, value, built):
    days = ("2026-01-30", "2026-01-31", "2026-02-04", "2026-02-10")
    assert [wip("C01", "P1", day) for day in days] == [12000, 0, 12300, 0]
    ageing = built.rows(
        "select ageing_bucket, sum(unbilled_amount) from kpi.kpi_unbilled_wip_ageing"
        " where legal_entity_code = 'C01' and period = '2026-02-04' group by 1"
    )
    assert [(bucket, float(amount)) for bucket, amount in ageing] == [("0-30", 12300)]
    # P2's invoice is in the cohort too; the case asks for P1, so its line is taken out of the parts.
    first = built.one(
        "select sum(latency_days * net_amount) / sum(net_amount) from kpi.kpi_billing_latency as i"
        " inner join canonical.dim_project as p on i.project_key = p.project_key"
        " where p.source_id = 'C01-P1' and period = '2026-01' and not is_rebill"
    )
    assert float(first) == 14.25
    assert value("C01", "2026-02", "billing_latency_effective_days", "amount") == pytest.approx(24.024390243902438)


def test_c02_a_rate_applies_from_when_it_is_known(wip):
    days = ("2026-02-28", "2026-03-14", "2026-03-31", "2026-04-05")
    assert [wip("C02", "P1", day) for day in days] == [0, 3000, 3800, 0]
    assert wip("C02", "P1", "2026-02-28 restated") == 500


def test_c06_a_withdrawn_approval_leaves_again(wip):
    days = ("2026-05-06", "2026-05-15", "2026-05-20", "2026-05-21", "2026-05-31")
    assert [wip("C06", "P1", day) for day in days] == [1200, 2400, 1200, 1200, 2100]
    assert [wip("C06", "P1", day, "unapproved_amount") for day in days[3:]] == [900, 0]
    assert wip("C06", "P1", "2026-05-15 restated") == 2100


def test_c10_a_closed_month_keeps_what_it_reported(value):
    assert value("C10", "2026-01", "unbilled_wip", basis="as_reported") == 18000
    assert value("C10", "2026-01", "unbilled_wip", basis="restated") == 19500


def test_c12_the_win_in_force_starts_the_clock(value):
    assert value("C12", "2026-03", "quote_to_project_days", "mean") == 3.0
    assert value("C12", "2026-03-04", "won_without_project") == 1


def test_c14_weights_disagree_and_stages_add_up(value):
    assert value("C14", "2026-04", "billing_latency_days", "count") == 18.0
    assert value("C14", "2026-04", "billing_latency_days", "hours") == pytest.approx(18.545454545454547)
    assert value("C14", "2026-04", "billing_latency_days", "amount") == pytest.approx(16.384615384615383)
    stages = {
        name: value("C14", "2026-04", "billing_latency_days", name)
        for name in (
            "work_to_submit",
            "submit_to_approve",
            "approve_to_ready",
            "ready_to_invoice",
            "invoice_to_post",
        )
    }
    assert stages["work_to_submit"] == pytest.approx(3.3846153846153846)
    assert stages["submit_to_approve"] == pytest.approx(3.0)
    # No source records the hold of the case yet: its days are between approval and invoice.
    assert stages["approve_to_ready"] + stages["ready_to_invoice"] == pytest.approx(
        5.384615384615385 + 2.6153846153846154
    )
    assert stages["invoice_to_post"] == pytest.approx(2.0)
    assert sum(stages.values()) == pytest.approx(16.384615384615383)


def test_c23_each_deal_is_counted_where_it_belongs(value, built):
    month = ("C23", "2026-03")
    assert [value(*month, "quote_to_project_days", name) for name in ("mean", "median", "p90")] == [
        3.0,
        3.0,
        4.0,
    ]
    assert value(*month, "won_without_project") == 1
    assert value(*month, "won_without_project", "oldest_age_days") == 21.0
    assert value(*month, "started_before_win") == 1
    assert value(*month, "orphan_projects") == 1
    assert value(*month, "quote_to_project_sla_pct") == pytest.approx(1 / 3)
    excluded = built.one(
        "select n_excluded from kpi.kpi_value where legal_entity_code = 'C23' and period = '2026-03'"
        " and measure = 'quote_to_project_days' and dimension_value = 'mean' and basis = 'added'"
    )
    assert excluded == 1


def test_c27_work_above_the_cap_waits_for_the_amendment(wip):
    days = ("2026-05-31", "2026-06-14", "2026-06-15")
    assert [wip("C27", "P1", day) for day in days] == [0, 4000, 8000]
    assert [wip("C27", "P1", day, "over_cap_amount") for day in days] == [0, 4000, 0]
    assert [wip("C27", "P1", day, "worked_amount") for day in days] == [26000, 34000, 34000]
    assert wip("C27", "P1", "2026-05-31", "unapproved_amount") == 8000
