"""Where Kantata OX is and how we log in. Read from the environment when called (`THROUGHLINE_KANTATA_*`)."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KantataSettings(BaseSettings):
    """One account of OX. The token is that of a user with administrator rights: rates and all projects need them."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_KANTATA_", extra="ignore")

    url: str = "https://api.mavenlink.com/api/v1"
    token: SecretStr = SecretStr("")
    # Name of this account among the firm's; the first part of every key of ours.
    instance: str = "main"
    # OX lists at most 200 records a page.
    page_size: int = 200
    # Requests in flight while reading. OX tells no limit; its 429 makes us slower.
    parallel: int = 6
    # OX cuts every request off after three minutes; what it has not answered by then is in doubt.
    timeout_seconds: float = 185.0
    # A 429 tells no waiting time.
    throttle_seconds: float = 5.0


def kantata_settings() -> KantataSettings:
    """The settings as the environment has them now."""
    return KantataSettings()
