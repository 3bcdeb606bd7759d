"""The end of a run in words that a finance person understands. Reads the published generation and the ledger's counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from common.settings import Settings


def ask(config: Settings, sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query on the published generation."""
    con = duckdb.connect(str(config.published.resolve()), read_only=True)
    try:
        return con.execute(sql, params or []).fetchall()
    finally:
        con.close()


def show(config: Settings, console: Console, delivered: Sequence[dict[str, Any]], acknowledged: dict[str, int]) -> None:
    """Print the summary.

    Args:
        delivered: one row a sync of this run: sync, created, updated, adopted, unchanged, waiting (a dict of reason to
            count).
        acknowledged: rows that each object's target has confirmed so far, by `<target>/<object>`.
    """
    console.print()
    console.rule("[bold]Where the firm stands", align="left")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column()
    won, approved = ask(
        config,
        "select count(*) filter (effective_won_at is not null), count(*) filter (effective_won_at is not null and "
        "contract_approved_at is not null) from canonical.dim_opportunity where is_services",
    )[0]
    facts.add_row("Deals won (services)", f"{won:,}, of which {approved:,} with an approved contract")
    created = sum(d["created"] for d in delivered if d["sync"].endswith("__project"))
    projects = ask(config, "select count(*) from canonical.dim_project")[0][0]
    facts.add_row("Projects", f"{projects:,}; {created:,} created by this run")
    reached = sum(n for name, n in acknowledged.items() if name.endswith("/invoice_status"))
    facts.add_row("Invoices whose status reached the CRM", f"{reached:,}")
    for entity, currency, period, reported, restated in _wip(config):
        facts.add_row(
            f"Unbilled WIP {entity}, {currency}, {period}",
            f"{restated:,.2f} as restated now" + (f"; {reported:,.2f} as reported at close" if reported is not None else ""),
        )  # fmt: skip
    for rule, count, amount in _quarantined(config):
        money = f", {amount}" if amount else ""
        facts.add_row("Quarantined", f"{count} rows: {rule}{money}")
    console.print(facts)
    _deliveries(console, delivered)
    _waiting(console, delivered)


def _wip(config: Settings) -> list[tuple[Any, ...]]:
    return ask(
        config,
        """
        select legal_entity_code, currency, period,
            max(value) filter (basis = 'as_reported') as reported, max(value) filter (basis = 'restated') as restated
        from kpi.kpi_value
        where measure = 'unbilled_wip' and dimension = 'none' and not is_provisional and legal_entity_code <> 'all'
            and period = (
                select max(period) from kpi.kpi_value where measure = 'unbilled_wip' and not is_provisional
            )
        group by all
        having max(value) filter (basis = 'restated') is not null
        order by 1, 2
        """,
    )


def _quarantined(config: Settings) -> list[tuple[Any, ...]]:
    return ask(
        config,
        """
        select rule, sum(n), string_agg(format('{:,.2f} {}', amount, currency), ' + ' order by currency)
            filter (amount is not null)
        from (
            select rule, currency, count(*) as n, sum(amount) as amount
            from quality.quarantine where resolved_at is null group by rule, currency
        )
        group by rule order by rule
        """,
    )


def _deliveries(console: Console, delivered: Sequence[dict[str, Any]]) -> None:
    table = Table(title="Pushed by this run", title_justify="left", box=None, pad_edge=False)
    for name in ("sync", "created", "updated", "adopted", "unchanged", "waiting"):
        table.add_column(name, justify="left" if name == "sync" else "right")
    for row in delivered:
        table.add_row(
            row["sync"],
            *(f"{row[k]:,}" for k in ("created", "updated", "adopted", "unchanged")),
            f"{sum(n for why, n in row['waiting'].items() if why.removeprefix('ineligible: ') not in NOT_MEANT):,}",
        )
    console.print()
    console.print(table)


# Rows that nobody means to push: they wait for nothing.
NOT_MEANT = ("not won", "not a services deal", "no approved deal")
WORDS = {"dependency": "waits for another row (its customer or project) to be there first"}


def _waiting(console: Console, delivered: Sequence[dict[str, Any]]) -> None:
    reasons = []
    for row in delivered:
        for reason, count in row["waiting"].items():
            plain = reason.removeprefix("ineligible: ")
            if count and plain not in NOT_MEANT:
                reasons.append((count, row["sync"], WORDS.get(plain, plain)))
    if not reasons:
        console.print("\nNothing waits.")
        return
    console.print("\n[bold]What waits, and why")
    for count, sync, reason in sorted(reasons, reverse=True)[:15]:
        console.print(f"  {count:>6,}  {sync}: {reason}")
