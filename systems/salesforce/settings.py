"""The variables of one Salesforce org, prefix `THROUGHLINE_SALESFORCE_`. Read when called, never at import."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from systems.errors import Fatal


class SalesforceSettings(BaseSettings):
    """Where the org is and how to sign in (OAuth client credentials of a connected app)."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_SALESFORCE_", extra="ignore")

    # The org's My Domain address, https://<name>.my.salesforce.com.
    url: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    # What the firm calls this org; part of every key, so it must not change.
    instance: str = "main"
    api_version: str = "61.0"
    # Seconds to wait for an answer. Salesforce ends a REST call after 120 by itself.
    timeout: float = 125.0
    # Certificate authority to trust beside the machine's.
    ca_file: str | None = None


def salesforce_settings() -> SalesforceSettings:
    """The settings as the environment has them now.

    Raises:
        Fatal: a variable is missing or wrong; the message says which.
    """
    try:
        return SalesforceSettings()  # type: ignore[call-arg]
    except ValidationError as error:
        names = ", ".join(f"THROUGHLINE_SALESFORCE_{str(e['loc'][0]).upper()}" for e in error.errors())
        raise Fatal("salesforce", f"not configured: set {names} and run again.") from None
