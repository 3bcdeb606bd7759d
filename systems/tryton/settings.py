"""Where Tryton is and how we log in. Read from the environment when called (`THROUGHLINE_TRYTON_*`)."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TrytonSettings(BaseSettings):
    """One database of one Tryton server. The user needs every company that we read, and the groups for what we write."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_TRYTON_", extra="ignore")

    # Scheme, host and port of the server, without the database.
    url: str = "http://127.0.0.1:8000"
    database: str = "firm"
    user: str = ""
    password: SecretStr = SecretStr("")
    # Name of this database among the firm's; the first part of every key of ours.
    instance: str = "main"
    # Rows a page. The server's search is quadratic in it: 1000 is the measured best, 10,000 three times as slow.
    page_size: int = 1000
    timeout_seconds: float = 120.0


def tryton_settings() -> TrytonSettings:
    """The settings as the environment has them now."""
    return TrytonSettings()
