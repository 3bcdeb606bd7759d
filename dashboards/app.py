"""The dashboard: renders the pages of `pages/*.yml` over the published generation. No number is computed here.

Run by `streamlit run dashboards/app.py`. A page is a title and blocks: `figures` (numbers of kpi_value), `trend`
(one measure by period, as reported and as restated), `bars` (one measure by a dimension), `table` (a query).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dashboards import generation

PAGES = Path(__file__).parent / "pages"
KPIS = Path(__file__).parent.parent / "dbt_project" / "models" / "kpi"
BASIS_LABEL = {"as_reported": "as reported at close", "restated": "as restated now"}
BASIS_COLOURS = alt.Scale(domain=list(BASIS_LABEL.values()), range=["#9a3412", "#1d4ed8"])


def main() -> None:
    st.set_page_config(page_title="Throughline", layout="wide")
    pages = [yaml.safe_load(p.read_text()) for p in sorted(PAGES.glob("*.yml"))]
    try:
        about = generation.ask("select number, as_of from generation").iloc[0]
    except generation.NothingPublished as nothing:
        st.title("Throughline")
        st.info(str(nothing))
        return
    names = [p["title"] for p in pages]
    chosen = st.sidebar.radio("Page", names) if len(names) > 1 else names[0]
    page = pages[names.index(chosen)]
    st.title(page["title"])
    st.caption(f"Generation {about['number']}, data as of {about['as_of']:%Y-%m-%d %H:%M} UTC. {page.get('about', '')}")
    for block in page["blocks"]:
        st.subheader(block["title"])
        if "about" in block:
            st.caption(block["about"])
        BLOCKS[block["kind"]](block)


def figures(block: dict[str, Any]) -> None:
    """A row of numbers, each the latest closed period's value of a measure."""
    columns = st.columns(len(block["items"]))
    for column, item in zip(columns, block["items"], strict=True):
        row = _latest(item)
        with column:
            if row is None:
                st.metric(item["label"], "not available")
                continue
            st.metric(item["label"], _shown(row, item["format"]), help=_formula(item["measure"]))
            st.caption(
                f"{row['period']}, {BASIS_LABEL[row['basis']]}; n = {_whole(row['n'])}, "
                f"left out: {_whole(row['n_excluded'])}" + (" (provisional)" if row["is_provisional"] else "")
            )


def trend(block: dict[str, Any]) -> None:
    """One measure by period: as reported at each close beside as restated now."""
    frame = _values(block)
    if frame.empty:
        st.write("No values yet.")
        return
    frame["basis"] = frame["basis"].map(BASIS_LABEL)
    frame["series"] = frame["legal_entity_code"] + frame["currency"].map(lambda c: f" ({c})" if c else "")
    for series, rows in frame.groupby("series"):
        chart = (
            alt.Chart(rows, title=str(series), height=280)
            .mark_line(point=True)
            .encode(
                x=alt.X("period:O", title=None),
                y=alt.Y("value:Q", title=block["unit"]),
                color=alt.Color("basis:N", title=None, scale=BASIS_COLOURS, legend=alt.Legend(orient="top")),
                strokeDash=alt.condition(
                    alt.datum.basis == BASIS_LABEL["restated"], alt.value([6, 4]), alt.value([1, 0])
                ),
                tooltip=["period", "basis", alt.Tooltip("value:Q", format=",.2f"), "n", "n_excluded"],
            )
        )
        st.altair_chart(chart, width="stretch")
    changed = frame.pivot_table(index=["period", "series"], columns="basis", values="value").dropna()
    if len(changed.columns) == 2:
        changed["difference"] = changed[BASIS_LABEL["restated"]] - changed[BASIS_LABEL["as_reported"]]
        changed = changed[changed["difference"].abs() > 0.005].reset_index()
        st.caption(f"Changed since it was reported: {len(changed)} values")
        if len(changed):
            st.table(changed.tail(12).style.format(precision=2, thousands=","))


def bars(block: dict[str, Any]) -> None:
    """One measure by a dimension, at the latest period."""
    frame = _values(block)
    if frame.empty:
        st.write("No values yet.")
        return
    frame = frame[(frame["period"] == frame["period"].max()) & (frame["basis"] == "restated")]
    frame["series"] = frame["legal_entity_code"] + frame["currency"].map(lambda c: f" ({c})" if c else "")
    # A chart a series: amounts of two currencies are never stacked.
    for column, (series, rows) in zip(st.columns(frame["series"].nunique()), frame.groupby("series"), strict=True):
        chart = (
            alt.Chart(rows, title=f"{series}, {rows['period'].iloc[0]}", height=240)
            .mark_bar(color="#1d4ed8")
            .encode(
                x=alt.X("dimension_value:N", title=None, sort=block.get("order"), axis=alt.Axis(labelAngle=0)),
                y=alt.Y("value:Q", title=block["unit"]),
                tooltip=["dimension_value", alt.Tooltip("value:Q", format=",.2f"), "n"],
            )
        )
        column.altair_chart(chart, width="stretch")


def table(block: dict[str, Any]) -> None:
    """The rows of a query."""
    try:
        frame = generation.ask(block["sql"])
    except Exception as error:  # a page must say what it lacks, and show the rest
        st.warning(f"This block can't be shown: {error}")
        return
    if frame.empty:
        st.write(block.get("empty", "Nothing."))
    else:
        st.table(frame)


BLOCKS = {"figures": figures, "trend": trend, "bars": bars, "table": table}


def _latest(item: dict[str, Any]) -> pd.Series | None:
    frame = generation.ask(
        """
        select period, basis, value, currency, n, n_excluded, is_provisional
        from kpi.kpi_value
        where measure = $measure and legal_entity_code = $entity and dimension = $dimension
            and dimension_value is not distinct from $dimension_value and basis = $basis and value is not null
            and ($currency is null or currency = $currency) and not is_provisional
        order by period desc
        limit 1
        """,
        measure=item["measure"],
        entity=item.get("legal_entity", "all"),
        dimension=item.get("dimension", "none"),
        dimension_value=item.get("dimension_value", "all"),
        currency=item.get("currency"),
        basis=item.get("basis", "restated"),
    )
    return None if frame.empty else frame.iloc[0]


def _values(block: dict[str, Any]) -> pd.DataFrame:
    return generation.ask(
        """
        select period, basis, legal_entity_code, coalesce(currency, '') as currency, dimension_value,
            cast(value as double) as value, n, n_excluded
        from kpi.kpi_value
        where measure = $measure and dimension = $dimension and legal_entity_code <> 'all' and value is not null
            and ($dimension_value is null or dimension_value = $dimension_value)
        order by period
        """,
        measure=block["measure"],
        dimension=block.get("dimension", "none"),
        dimension_value=block.get("dimension_value"),
    )


def _shown(row: pd.Series, how: str) -> str:
    value = float(row["value"])
    if how == "money":
        return f"{value:,.2f} {row['currency'] or ''}".strip()
    return f"{value:,.2f} days" if how == "days" else f"{value:,.0f}" if how == "count" else f"{value:.1%}"


def _whole(value: Any) -> str:
    return "0" if pd.isna(value) else f"{int(value):,}"


def _formula(measure: str) -> str | None:
    """The formula that the KPI's own yml declares for a measure."""
    for path in sorted(KPIS.glob("*.yml")):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            meta = model.get("config", {}).get("meta", {})
            if measure in str(meta.get("measures", "")):
                return f"{meta.get('definition', '')} Formula: {meta.get('formula', '')}"
    return None


main()
