"""The dashboard's page in a real browser: what it shows is what kpi_value holds, and it talks to no other host."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser


def _browser() -> tuple[str, str]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        reason = "no Chromium here (Debian packages chromium and chromium-driver)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return chromium, driver


def _values(month: int) -> list[tuple[Any, ...]]:
    """One month's rows of kpi_value: August's WIP was restated by 512.25."""
    rows: list[tuple[Any, ...]] = []
    for basis, shift in (("as_reported", 0.0), ("restated", 512.25 if month == 8 else 0.0)):
        facts: list[tuple[str, str, str | None, str, str | None, float]] = [
            ("unbilled_wip_group_eur", "all", "EUR", "none", "all", 1_234_567.89 + month + shift),
            ("quote_to_project_days", "all", None, "statistic", "median", 2.7182 + month),
        ]
        for entity, currency in (("DE01", "EUR"), ("US01", "USD")):
            facts.append(("unbilled_wip", entity, currency, "none", "all", 100_000.5 * month + shift))
            facts += [
                ("unbilled_wip", entity, currency, "ageing_bucket", bucket, 30_000.0 * month)
                for bucket in ("0-30", "31-60", ">120")
            ]
            days = 15.0 + month + (0.77 if entity == "US01" else 0.0)
            facts.append(("billing_latency_days", entity, None, "weighting", "amount", days))
            facts.append(("quote_to_project_days", entity, None, "statistic", "median", 3.0 + month / 7))
        rows += [
            (
                *(measure, f"2026-{month:02d}", basis, "2026-09-30", "2026-10-07", entity, currency, dimension, member),
                *(value, 1.0, 40 + month, 2, 900.0, "r:2", value, "u", False),
            )
            for measure, entity, currency, dimension, member, value in facts
        ]
    return rows


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published generation with numbers that no code of ours would make up."""
    path = tmp_path_factory.mktemp("published") / "published.g000001.duckdb"
    con = duckdb.connect(str(path))
    con.execute(
        "create table generation as select 1 as number, timestamp '2026-10-15 06:00' as as_of, 'x' as model_fingerprint"
    )
    con.execute("create schema kpi")
    con.execute("create schema quality")
    con.execute(
        "create table kpi.kpi_value (measure varchar, period varchar, basis varchar, as_of date, knowledge_at timestamp, "
        "legal_entity_code varchar, currency varchar, dimension varchar, dimension_value varchar, numerator double, "
        "denominator double, n bigint, n_excluded bigint, excluded_amount double, excluded_reasons varchar, "
        "value double, unit varchar, is_provisional boolean)"
    )
    rows = [row for month in range(1, 10) for row in _values(month)]
    con.executemany(f"insert into kpi.kpi_value values ({', '.join('?' * 18)})", rows)
    con.execute(
        "create table kpi.kpi_sync_health as select 'kantata' as target, 'project' as object, 'acked' as state, "
        "null::varchar as reason, 9 as n, 1.0 as amount, 'EUR' as currency, timestamp '2026-10-15 06:00' as oldest_at"
    )
    con.execute(
        "create table quality.quarantine as select 'kantata' as system, 'time_entries' as table_name, "
        "'time_hours_in_range' as rule, 5000.0 as amount, 'EUR' as currency, null::timestamp as resolved_at"
    )
    con.close()
    link = path.parent / "current.duckdb"
    link.symlink_to(path.name)
    return link


@pytest.fixture(scope="module")
def address(generation: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    _browser()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("log") / "streamlit.log").open("wb")
    child = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboards" / "app.py"), "--server.port", str(port),
         "--server.address", "127.0.0.1"],
        cwd=ROOT, env={**os.environ, "THROUGHLINE_PUBLISHED": str(generation)}, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert child.poll() is None, Path(log.name).read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(timeout=20)


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    chromium, driver_path = _browser()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,3200",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver_path))
    try:
        driver.get(address)
        WebDriverWait(driver, 60).until(
            lambda d: d.find_elements(By.XPATH, "//h3[contains(., 'Held back at the door')]")
        )
        WebDriverWait(driver, 60).until(
            lambda d: not d.find_elements(By.CSS_SELECTOR, "[data-testid='stStatusWidget']")
        )
        yield driver
    finally:
        driver.quit()


def test_figures_are_those_of_kpi_value(page: Any, generation: Path) -> None:
    from selenium.webdriver.common.by import By

    shown = {}
    for metric in page.find_elements(By.CSS_SELECTOR, "[data-testid='stMetric']"):
        label = metric.find_element(By.CSS_SELECTOR, "[data-testid='stMetricLabel']").text
        shown[label] = metric.find_element(By.CSS_SELECTOR, "[data-testid='stMetricValue']").text
    blocks = yaml.safe_load((ROOT / "dashboards" / "pages" / "10_quote_to_cash.yml").read_text())["blocks"]
    items = next(b for b in blocks if b["kind"] == "figures")["items"]
    con = duckdb.connect(str(generation.resolve()), read_only=True)
    expected = {}
    for item in items:
        value = con.execute(
            "select value from kpi.kpi_value where measure = ? and dimension = ? and dimension_value is not distinct from ? "
            "and basis = ? and legal_entity_code = ? order by period desc limit 1",
            [
                item["measure"],
                item.get("dimension", "none"),
                item.get("dimension_value", "all"),
                item.get("basis", "restated"),
                item.get("legal_entity", "all"),
            ],
        ).fetchall()[0][0]
        expected[item["label"]] = f"{value:,.2f} EUR" if item["format"] == "money" else f"{value:,.2f} days"
    assert shown == expected
    assert len(shown) == 5


def test_a_month_that_changed_since_it_was_reported_is_listed(page: Any) -> None:
    text = page.find_element("tag name", "body").text
    assert "512.25" in text
    assert "2026-08" in text


def test_health_and_quarantine_are_on_the_page(page: Any) -> None:
    text = page.find_element("tag name", "body").text
    assert "time_hours_in_range" in text
    assert "acked" in text
    assert "can't be shown" not in text


def test_the_page_talks_to_no_other_host(page: Any, address: str) -> None:
    hosts = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urlparse(message["params"]["request"]["url"])
            if url.scheme in ("http", "https", "ws", "wss"):
                hosts.add(url.netloc)
    assert hosts == {urlparse(address).netloc}
