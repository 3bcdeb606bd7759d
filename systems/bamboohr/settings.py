"""The variables of one BambooHR company, prefix `THROUGHLINE_BAMBOOHR_`. Read when called, never at import."""

from __future__ import annotations

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from systems.errors import Fatal


class BambooHRSettings(BaseSettings):
    """Where the company is and how we log in. The key's user must see every employee: what it may not see is left out."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_BAMBOOHR_", extra="ignore")

    # https://<company>.bamboohr.com
    url: str
    api_key: SecretStr
    # What the firm calls this company; part of every key, so it must not change.
    instance: str = "main"
    # Requests in flight while reading employees one by one.
    parallel: int = 4
    timeout_seconds: float = 60.0
    # At most 2,500.
    page_size: int = 1_000


def bamboohr_settings() -> BambooHRSettings:
    """The settings as the environment has them now.

    Raises:
        Fatal: a variable is missing or wrong; the message says which.
    """
    try:
        return BambooHRSettings()  # type: ignore[call-arg]
    except ValidationError as error:
        names = ", ".join(f"THROUGHLINE_BAMBOOHR_{str(e['loc'][0]).upper()}" for e in error.errors())
        raise Fatal("bamboohr", f"not configured: set {names} and run again.") from None
