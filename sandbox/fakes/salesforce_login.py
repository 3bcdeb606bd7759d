"""How clients sign in to the fake org: OAuth grants, the SOAP API's `login`, and sessions that run out."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

from common.clock import Clock
from sandbox.fakes.store import Store
from sandbox.project.salesforce import instant, record_id

VERSION = "61.0"
CLIENT_ID = "throughline-sandbox"
CLIENT_SECRET = "throughline-sandbox-secret"  # noqa: S105 - the fake's own
USERNAME = "integration@throughline.example"
PASSWORD = "sandbox-password"  # noqa: S105 - the fake's own
SECURITY_TOKEN = "sandboxtoken"  # noqa: S105 - the fake's own
TOKEN_LIFE = timedelta(hours=2)

_ORG_ID = record_id("00D", 7)
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{}</soapenv:Body></soapenv:Envelope>'
)


@dataclass
class Answer:
    """What one call is answered with; `body` is JSON content, or text where `type` says so."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "application/json;charset=UTF-8"


class Sessions:
    """The sessions of one org, kept in its store so that they outlive the process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def token(self, form: Mapping[str, str], basic: str | None, base: str) -> Answer:
        """OAuth: client credentials, refresh token, user name and password."""
        client_id, secret = form.get("client_id"), form.get("client_secret")
        if basic and basic.lower().startswith("basic "):
            client_id, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
        grant = form.get("grant_type")
        if client_id != CLIENT_ID or secret != CLIENT_SECRET:
            return Answer(
                400, {"error": "invalid_client_id", "error_description": "client identifier or secret invalid"}
            )
        refresh: dict[str, str] = {}
        if grant == "refresh_token":
            if form.get("refresh_token") not in self._store.setting("refresh_tokens", []):
                return Answer(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
        elif grant == "password":
            if form.get("username") != USERNAME or form.get("password") not in (PASSWORD, PASSWORD + SECURITY_TOKEN):
                return Answer(400, {"error": "invalid_grant", "error_description": "authentication failure"})
            refresh["refresh_token"] = secrets.token_urlsafe(32)
            known = self._store.setting("refresh_tokens", [])
            self._store.set_setting("refresh_tokens", [*known, refresh["refresh_token"]][-20:])
        elif grant != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"})
        return Answer(
            200,
            {
                "access_token": self._new_session(),
                **refresh,
                "instance_url": base,
                "id": f"{base}/id/{_ORG_ID}/{record_id('005', 1)}",
                "token_type": "Bearer",
                "issued_at": str(int(self._clock.now().timestamp() * 1000)),
                "scope": "api refresh_token",
            },
        )

    def soap_login(self, envelope: str, base: str) -> Answer:
        """The SOAP API's `login`, which answers with a session id."""
        username, password = (_element(envelope, name) for name in ("username", "password"))
        if username != USERNAME or password != PASSWORD + SECURITY_TOKEN:
            text = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
            fault = (
                f"<soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>{text}</faultstring><detail>"
                "<sf:LoginFault><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"
                f"<sf:exceptionMessage>{text[15:]}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
            )
            return Answer(500, _ENVELOPE.format(fault), type="text/xml;charset=UTF-8")
        result = (
            f"<loginResponse><result><serverUrl>{escape(base)}/services/Soap/u/{VERSION}/{_ORG_ID}</serverUrl>"
            f"<sessionId>{self._new_session()}</sessionId></result></loginResponse>"
        )
        return Answer(200, _ENVELOPE.format(result), type="text/xml;charset=UTF-8")

    def _new_session(self) -> str:
        session = f"{_ORG_ID[:15]}!{secrets.token_urlsafe(48)}"
        now = self._clock.now()
        with self._store.atomic():
            live = {t: until for t, until in self._store.setting("sessions", {}).items() if until > instant(now)}
            self._store.set_setting("sessions", {**live, session: instant(now + TOKEN_LIFE)})
        return session

    def signed_in(self, headers: Mapping[str, str]) -> bool:
        """Whether the request carries a session that has not run out."""
        scheme, _, session = headers.get("authorization", "").partition(" ")
        until = self._store.setting("sessions", {}).get(session, "")
        return scheme.lower() in ("bearer", "oauth") and until > instant(self._clock.now())


def _element(envelope: str, name: str) -> str:
    """The text of one element, entities read. Enough for a login; the SOAP API is not served otherwise."""
    match = re.search(rf"<(?:\w+:)?{name}>([^<]*)</", envelope)
    return unescape(match.group(1)) if match else ""
