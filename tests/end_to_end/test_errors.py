"""What goes wrong outside becomes one clear sentence, keeps nothing half, and the next run goes on from where it was.

Each system with wrong credentials, out of reach, with an answer that can't be read, and in storms of 429 and 5xx;
a disk that is really full; and several at once in the loop that the command runs.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import urllib3

from common.clock import FileClock
from common.settings import ROOT, Settings
from ingestion.inventory import source
from ingestion.pipeline import LoadReport, load
from orchestration.cli import _dagster_home
from orchestration.definitions import build
from orchestration.loop import run_loop
from orchestration.platform import platform
from sandbox.server import SYSTEMS, Servers, firm_truth
from systems.errors import Fatal

pytestmark = pytest.mark.slow
SMALL = "0.05"
WRONG = "opensesame4711"
MANY = 10_000
# Two tables a system, so that the first is read before the second fails.
TABLES = {
    "salesforce": {"account", "opportunity"},
    "kantata": {"time_entries", "workspaces"},
    "netsuite": {"customer", "transaction"},
    "bamboohr": {"employees", "employment_status"},
}
# The reads that a fault strikes, and how many of them pass before.
READS = {
    "salesforce": (r".*/query(All)?", 1),
    "kantata": (r".*/workspaces\.json", 0),
    "netsuite": (r".*/suiteql", 1),
    "bamboohr": (r".*/tables/.*", 0),
}
# What a person is told to look at where the credentials are wrong.
CREDENTIALS = {
    "salesforce": "THROUGHLINE_SALESFORCE_CLIENT_SECRET",
    "kantata": "THROUGHLINE_KANTATA_TOKEN",
    "netsuite": "THROUGHLINE_NETSUITE_TOKEN_SECRET",
    "bamboohr": "THROUGHLINE_BAMBOOHR_API_KEY",
}

each_system = pytest.mark.parametrize("system", SYSTEMS)


class Firm:
    """The running firm: what it is reached by, how it is made to misbehave, and what a load of it left."""

    def __init__(self, folder: Path) -> None:
        self.before = Settings(state_dir=folder / "before", firm_scale=float(SMALL))
        clock = self.before.clock()
        assert isinstance(clock, FileClock)
        self.clock = clock
        self.servers = Servers(folder / "systems", clock, firm_truth(self.before)).start()
        self.environment = self.servers.environment()
        self.http = urllib3.PoolManager()
        self.expected: dict[str, int] = {}
        self.in_the_end: dict[str, dict[str, Any]] = {}

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Make this firm the one that clients connect to."""
        for name, value in self.environment.items():
            patch.setenv(name, value)

    def load(self, system: str, config: Settings) -> LoadReport:
        return load(source(system), config, self.clock, tables=TABLES[system])

    def begin(self) -> None:
        """A first load of each system, then a month of the firm's life, and how much of it a load must bring."""
        for system in SYSTEMS:
            self.load(system, self.before)
        self.servers.tick(30)
        self.rename_somebody()
        once = self.copy(self.before.state_dir.parent / "once")
        self.expected = {system: self.load(system, once).rows_kept for system in SYSTEMS}
        self.in_the_end = {system: contents(once, system) for system in SYSTEMS}
        assert all(self.expected.values()), f"nothing changed in a month: {self.expected}"

    def rename_somebody(self) -> None:
        """A firm so small hires nobody in a month; its HR system has something new all the same."""
        store, now = self.servers.fakes["bamboohr"].store, self.clock.now()
        person = store.select("employees", limit=1)[0]
        changed = {**person.record, "lastName": "Newname", "lastChanged": f"{now:%Y-%m-%dT%H:%M:%S}+00:00"}
        store.put("employees", person.id, changed, now)

    def copy(self, folder: Path) -> Settings:
        """The state after the first loads, in a folder of its own."""
        shutil.copytree(self.before.home, folder / "sandbox", ignore=shutil.ignore_patterns("systems"))
        return Settings(state_dir=folder, firm_scale=float(SMALL))

    def misbehave(self, system: str, kind: str, **more: Any) -> None:
        path, skip = READS[system]
        fault = {"kind": kind, "path": path, "skip": skip, "times": MANY, **more}
        url = f"{self.servers.fakes[system].url}/_control/faults"
        assert self.http.request("POST", url, body=json.dumps(fault)).status == 200

    def behave(self) -> None:
        for fake in self.servers.fakes.values():
            assert self.http.request("DELETE", f"{fake.url}/_control/faults").status == 200

    def secrets(self) -> list[bytes]:
        """What may stand nowhere: the firm's credentials and the wrong ones, plain and as a header has them."""
        names = re.compile(r"SECRET|TOKEN|API_KEY|CONSUMER_KEY")
        plain = [v for k, v in self.environment.items() if names.search(k)] + [WRONG]
        basic = [base64.b64encode(f"{p}:x".encode()) for p in plain]
        return [*(p.encode() for p in plain), *basic]


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    running = Firm(tmp_path_factory.mktemp("firm"))
    with pytest.MonkeyPatch.context() as patch:
        running.enter(patch)
        running.begin()
    yield running
    running.http.clear()
    running.servers.stop()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, and nobody listens."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def contents(config: Settings, system: str) -> dict[str, Any]:
    """Versions and keys of each raw table that a load of the system reads here."""
    con = duckdb.connect(str(config.warehouse), read_only=True)
    try:
        return {
            table: con.execute(f"select count(*), count(distinct _source_id) from raw_{system}.{table}").fetchone()
            for table in sorted(TABLES[system])
        }
    finally:
        con.close()


def wrong_credentials(firm: Firm, system: str, patch: pytest.MonkeyPatch, port: int) -> str:
    patch.setenv(CREDENTIALS[system], WRONG)
    return (
        f"Check THROUGHLINE_{system.upper()}_" if system in ("salesforce", "netsuite") else f"Set {CREDENTIALS[system]}"
    )


def out_of_reach(firm: Firm, system: str, patch: pytest.MonkeyPatch, port: int) -> str:
    name = f"THROUGHLINE_{system.upper()}_URL"
    patch.setenv(name, re.sub(r":\d+", f":{port}", firm.environment[name]))
    return rf"could not be reached.*127\.0\.0\.1:{port}.*Check that the system is up"


def unreadable(firm: Firm, system: str, patch: pytest.MonkeyPatch, port: int) -> str:
    firm.misbehave(system, "malformed_page")
    return "can't be read.*(run again|next run)"


def throttled(firm: Firm, system: str, patch: pytest.MonkeyPatch, port: int) -> str:
    firm.misbehave(system, "throttle")
    return r"gave up after 5 attempts.*429.*next run goes on"


def out_of_order(firm: Firm, system: str, patch: pytest.MonkeyPatch, port: int) -> str:
    firm.misbehave(system, "server_error", status=502)
    return r"gave up after 5 attempts.*502.*next run goes on"


Trouble = Callable[[Firm, str, pytest.MonkeyPatch, int], str]
each_trouble = pytest.mark.parametrize(
    "trouble", [wrong_credentials, out_of_reach, unreadable, throttled, out_of_order], ids=lambda t: t.__name__
)


@each_system
@each_trouble
def test_a_load_that_fails_says_why_keeps_nothing_and_the_next_goes_on(
    firm: Firm, tmp_path: Path, closed_port: int, system: str, trouble: Trouble
) -> None:
    config = firm.copy(tmp_path)
    before = contents(config, system)
    with pytest.MonkeyPatch.context() as patch:
        firm.enter(patch)
        told = trouble(firm, system, patch, closed_port)
        with pytest.raises(Fatal, match=rf"^{system}: .*{told}") as failed:
            firm.load(system, config)
        firm.behave()
    assert contents(config, system) == before
    sentence = str(failed.value)
    assert "Traceback" not in sentence
    assert "\n" not in sentence
    assert not [s for s in firm.secrets() if s in sentence.encode()]
    with pytest.MonkeyPatch.context() as patch:
        firm.enter(patch)
        assert firm.load(system, config).rows_kept == firm.expected[system]


@each_system
def test_a_short_storm_is_waited_out(firm: Firm, tmp_path: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.enter(monkeypatch)
    config = firm.copy(tmp_path)
    firm.misbehave(system, "throttle", times=2)
    firm.misbehave(system, "server_error", times=2, status=503, retry_after=None)
    assert firm.load(system, config).rows_kept == firm.expected[system]


def test_several_troubles_at_once_in_the_loop_are_one_line_each(
    firm: Firm, tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = firm.copy(tmp_path)
    before = {system: contents(config, system) for system in SYSTEMS}
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("THROUGHLINE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("THROUGHLINE_FIRM", "sandbox")
    _dagster_home(config)
    firm.enter(monkeypatch)
    with monkeypatch.context() as patch:
        told = {
            "salesforce": wrong_credentials(firm, "salesforce", patch, closed_port),
            "kantata": out_of_order(firm, "kantata", patch, closed_port),
            "netsuite": unreadable(firm, "netsuite", patch, closed_port),
            "bamboohr": out_of_reach(firm, "bamboohr", patch, closed_port),
        }
        outcome = run_loop(platform())
    firm.behave()
    lines = sorted((outcome.error or "").splitlines())
    assert len(lines) == len(SYSTEMS)
    for system, line in zip(sorted(SYSTEMS), lines, strict=True):
        assert re.match(rf"load_{system} failed\. {system}: .*{told[system]}", line), line
        assert "Traceback" not in line
    assert (outcome.sent, outcome.delivered) == (0, [])
    assert not config.published.exists()
    assert {system: contents(config, system) for system in SYSTEMS} == before
    assert leaks(firm, tmp_path) == []
    # The next run goes on. Two systems show it; the whole loop has a test file of its own.
    definitions, instance = build(platform()), dg.DagsterInstance.get()
    for system in ("salesforce", "netsuite"):
        assert definitions.resolve_job_def(f"read_{system}").execute_in_process(instance=instance).success
        assert contents(config, system) == firm.in_the_end[system]
    assert leaks(firm, tmp_path) == []


def leaks(firm: Firm, folder: Path) -> list[tuple[Path, bytes]]:
    """Secrets in any file below a folder: Dagster's event log, dlt's packages, dbt's logs, the warehouse."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any("history" in path.parts and path.suffix == ".db" for path in files), "Dagster's event log is not here"
    return [(path, secret) for path in files for secret in firm.secrets() if secret in path.read_bytes()]


def test_a_disk_that_is_full_is_one_clear_sentence(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small file system of its own: the child mounts it, fills it, loads, makes room and loads again."""
    firm.enter(monkeypatch)
    disk = tmp_path / "disk"
    disk.mkdir()
    config = firm.copy(tmp_path / "copy")
    apart = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*apart, "mount", "-t", "tmpfs", "none", disk], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system of their own")
    order = json.dumps({"disk": str(disk), "state": str(config.state_dir), "tables": sorted(TABLES["salesforce"])})
    done = subprocess.run(
        [*apart, sys.executable, Path(__file__).with_name("full_disk.py"), order],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 4
    for attempt in told:
        assert re.match(rf"(salesforce: t|T)he disk is full \({disk}.*Free some space and run again", attempt["failed"])
    for attempt in told[:-1]:
        assert attempt["then"] == {k: list(v) for k, v in firm.in_the_end["salesforce"].items()}
