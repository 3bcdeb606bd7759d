"""Token-based authentication: OAuth 1.0a, HMAC-SHA256, verified for real.

The signature is computed here from the parts of the request (RFC 5849, section 3.4), sharing no code with the clients
that sign. Timestamps are the machine's time, whatever the firm's virtual time is: a client signs with its own clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

from common.clock import Clock
from sandbox.fakes.netsuite_parts.answers import Refusal

# How far a timestamp may be off; a nonce counts as used for as long.
WINDOW_SECONDS = 300
_FIELD = re.compile(r'([a-zA-Z_]+)="([^"]*)"')


@dataclass(frozen=True)
class Credentials:
    """What an administrator hands out: the account, the integration's consumer and a token of a user's role."""

    account: str
    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str


class Verifier:
    """Says who may in. Remembers the nonces of the last minutes.

    Args:
        wall: the machine's clock.
    """

    def __init__(self, credentials: Credentials, wall: Clock) -> None:
        self._who = credentials
        self._wall = wall
        self._nonces: dict[tuple[str, str], float] = {}
        key = f"{_escape(credentials.consumer_secret)}&{_escape(credentials.token_secret)}"
        self._key = key.encode()

    def check(self, method: str, scheme: str, host: str, path: str, query: str, headers: Mapping[str, str]) -> None:
        """Let the request pass.

        Raises:
            Refusal: 401, with the one text that NetSuite has for all of it. The cause, which NetSuite writes to its
                login audit trail, is in `WWW-Authenticate`.
        """
        header = headers.get("authorization", "")
        if not header.startswith("OAuth "):
            raise _refused("token_rejected")
        fields = {name: unquote(value) for name, value in _FIELD.findall(header)}
        realm = fields.pop("realm", None)
        signature = fields.pop("oauth_signature", "")
        if realm != self._who.account:
            raise _refused("parameter_rejected")
        if fields.get("oauth_signature_method") != "HMAC-SHA256":
            raise _refused("signature_method_rejected")
        if fields.get("oauth_consumer_key") != self._who.consumer_key:
            raise _refused("consumer_key_unknown")
        if fields.get("oauth_token") != self._who.token_id:
            raise _refused("token_rejected")
        base = _base_string(method, scheme, host, path, query, fields)
        expected = base64.b64encode(hmac.new(self._key, base.encode(), hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(expected, signature):
            raise _refused("signature_invalid")
        self._spend(fields.get("oauth_nonce", ""), fields.get("oauth_timestamp", ""))

    def _spend(self, nonce: str, stamp: str) -> None:
        now = self._wall.now().timestamp()
        if not stamp.isdigit() or abs(now - int(stamp)) > WINDOW_SECONDS:
            raise _refused("timestamp_refused")
        if len(nonce) < 6:
            raise _refused("nonce_rejected")
        if (nonce, stamp) in self._nonces:
            raise _refused("nonce_used")
        if len(self._nonces) > 50_000:
            self._nonces = {key: at for key, at in self._nonces.items() if now - at < 2 * WINDOW_SECONDS}
        self._nonces[nonce, stamp] = now


def _refused(cause: str) -> Refusal:
    return Refusal(
        401,
        "INVALID_LOGIN",
        "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at "
        "Setup > Users/Roles > User Management > View Login Audit Trail.",
        headers={"WWW-Authenticate": f'OAuth realm="", error="token_rejected", error_description="{cause}"'},
    )


def _escape(text: str) -> str:
    return quote(text, safe="~")


def _base_string(method: str, scheme: str, host: str, path: str, query: str, fields: Mapping[str, str]) -> str:
    """Method, address and all parameters, sorted by their escaped form."""
    pairs = [*parse_qsl(query, keep_blank_values=True), *fields.items()]
    escaped = sorted((_escape(name), _escape(value)) for name, value in pairs)
    host = host.lower()
    for default in (("http", ":80"), ("https", ":443")):
        if scheme == default[0]:
            host = host.removesuffix(default[1])
    address = f"{scheme}://{host}{path}"
    return "&".join((method.upper(), _escape(address), _escape("&".join(f"{n}={v}" for n, v in escaped))))
