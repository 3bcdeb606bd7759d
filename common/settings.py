"""The defaults that everything shares, one typed object, a comment each.

Each can be set by an environment variable with the prefix `THROUGHLINE_` (`THROUGHLINE_FIRM=tryton`). Read when
called, never at import. What belongs to one outside system (addresses, credentials) is in
`systems/<system>/settings.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from common.clock import Clock, FileClock, SystemClock

ROOT = Path(__file__).resolve().parent.parent

Firm = Literal["sandbox", "tryton"]

# Which systems a firm has. The landscape file replaces this when firms have more than one instance of a system.
SYSTEMS: dict[str, tuple[str, ...]] = {
    "sandbox": ("salesforce", "kantata", "netsuite", "bamboohr"),
    "tryton": ("tryton",),
}


class Settings(BaseSettings):
    """Shared defaults. Every path below hangs off `state_dir / firm`, so that firms never mix."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_", extra="ignore")

    firm: Firm = "sandbox"
    # Everything a run leaves behind: warehouse, control store, published generations, the fakes' state.
    state_dir: Path = ROOT / ".throughline"
    # Where the simulated firm's virtual time starts; the firm has 24 months of history before it.
    firm_start: datetime = datetime(2026, 10, 15, 6, 0, tzinfo=UTC)
    # Multiplies the simulated firm's volume.
    firm_scale: float = 1.0
    firm_seed: int = 20261015

    dagster_port: int = 3000
    dashboard_port: int = 8501
    receiver_port: int = 8090
    # The fakes take this port and the next ones, one a system, in the order of SYSTEMS.
    fakes_port: int = 8100

    # A cursor re-reads this much before its high-water mark: rows that commit late carry earlier timestamps.
    cursor_overlap_minutes: int = 30
    # A full snapshot smaller than the previous one by more than this share is refused.
    max_shrink_share: float = 0.3

    # Guard thresholds of a plan: more creates or updates than this in one plan wait for a person.
    plan_max_rows: int = 20_000
    # Work dated before this day was exported by what the firm used before us, so we do not send it again.
    time_export_go_live: str = "2026-10-01"
    # Seconds after a request was sent by which a target has either committed it or never will.
    settle_seconds: dict[str, int] = {
        "salesforce": 120,
        "kantata": 180,
        "netsuite": 900,
        "tryton": 120,
        "default": 900,
    }

    @property
    def home(self) -> Path:
        """The state folder of the active firm."""
        return self.state_dir / self.firm

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that only the pipeline opens."""
        return self.home / "warehouse.duckdb"

    @property
    def control_store_url(self) -> str:
        """SQLAlchemy address of the ledger; SQLite by default, PostgreSQL by THROUGHLINE_CONTROL_STORE."""
        import os

        return os.environ.get("THROUGHLINE_CONTROL_STORE", f"sqlite:///{self.home / 'control.db'}")

    @property
    def published(self) -> Path:
        """The link to the current published generation."""
        return self.home / "published" / "current.duckdb"

    @property
    def systems(self) -> tuple[str, ...]:
        """The slugs of the systems that the active firm has."""
        return SYSTEMS[self.firm]

    def clock(self) -> Clock:
        """Virtual time for the simulated firm, the machine's time for a real one."""
        if self.firm == "sandbox":
            return FileClock(self.home / "clock.json", self.firm_start)
        return SystemClock()


def settings() -> Settings:
    """The settings as the environment has them now."""
    return Settings()
