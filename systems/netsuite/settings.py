"""The variables of one NetSuite account, prefix `THROUGHLINE_NETSUITE_`. Read when called, never at import."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from systems.errors import Fatal


class NetSuiteSettings(BaseSettings):
    """Where the account is and how to sign its requests (token-based authentication)."""

    model_config = SettingsConfigDict(env_prefix="THROUGHLINE_NETSUITE_", extra="ignore")

    # The account's own address, https://<account>.suitetalk.api.netsuite.com.
    url: str
    # As on the Company Information page, sandboxes with their suffix: 1234567_SB1. It is the signature's realm.
    account: str = Field(min_length=1)
    # The integration record's pair, and the pair of the token for the integration's user and role.
    consumer_key: str = Field(min_length=1)
    consumer_secret: SecretStr
    token_id: str = Field(min_length=1)
    token_secret: SecretStr
    # What the firm calls this account; part of every key, so it must not change.
    instance: str = "main"
    # Requests in flight at once. The account's limit is shared with everything else that talks to it.
    concurrency: int = Field(default=5, ge=1, le=50)
    # Seconds to wait for an answer. NetSuite gives up by itself after 15 minutes.
    timeout: float = 905.0
    # Certificate authority to trust beside the machine's.
    ca_file: str | None = None


def netsuite_settings() -> NetSuiteSettings:
    """The settings as the environment has them now.

    Raises:
        Fatal: a variable is missing or wrong; the message says which.
    """
    try:
        return NetSuiteSettings()  # type: ignore[call-arg]
    except ValidationError as error:
        names = ", ".join(f"THROUGHLINE_NETSUITE_{str(e['loc'][0]).upper()}" for e in error.errors())
        raise Fatal("netsuite", f"not configured: set {names} and run again.") from None
