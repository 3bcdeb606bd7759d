"""A verdict as a page that a person can open: plain HTML of our own, which calls no other host and runs no script.

Keys and counts only; payload stays in the warehouse.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from quality.verdict import Verdict

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2733}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #dde3ea;"
    "vertical-align:top}.red{color:#b3261e}.green{color:#1b6e3c}td.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def page(verdict: Verdict) -> str:
    """The verdict as one HTML document."""
    evidence = verdict.evidence
    title = f"{evidence.get('border', 'gate')} gate: {evidence.get('suite', '')}"
    word, colour = ("open", "green") if verdict.passed else ("shut", "red")
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
        f"<p class='{colour}'><strong>The gate is {word}.</strong> Batch {escape(str(evidence.get('batch', '')))}.</p>",
    ]
    if verdict.failures:
        parts.append("<ul>" + "".join(f"<li>{escape(failure)}</li>" for failure in verdict.failures) + "</ul>")
    if evidence.get("tables"):
        parts.append(
            _table(("Table", "Rows in", "Accepted", "Quarantined"), [tuple(t.values()) for t in evidence["tables"]])
        )
    if evidence.get("by_rule"):
        parts.append(_table(("Rule", "Rows"), list(evidence["by_rule"].items())))
    if evidence.get("rules"):
        rows = [(r["relation"], r["rule"], _state(r), r["reason"], _keys(r)) for r in evidence["rules"]]
        parts.append(_table(("Relation", "Rule", "Result", "What it means", "For example"), rows))
    return "".join([*parts, "</body></html>"])


def write(verdict: Verdict, folder: Path) -> Path:
    """Write the page of a verdict into `folder`, under its border, suite and batch. Returns its path."""
    evidence = verdict.evidence
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{evidence['border']}-{evidence['suite']}-{evidence['batch']}.html"
    path.write_text(page(verdict), encoding="utf-8")
    return path


def _state(rule: dict[str, Any]) -> str:
    if rule["error"] is not None:
        return f"not judged: {rule['error']}"
    return "holds" if rule["passed"] else f"fails on {rule['failed']:,}"


def _keys(rule: dict[str, Any]) -> str:
    return "; ".join(", ".join("-" if part is None else part for part in key) for key in rule["examples"][:5])


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    return f"<td class='n'>{value:,}</td>" if isinstance(value, int) else f"<td>{escape(str(value))}</td>"
