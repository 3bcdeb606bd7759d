"""NetSuite's way to say no: one error body for all of its REST services. The texts are worded after its help pages."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

_RFC = "https://www.rfc-editor.org/rfc/rfc9110.html#section-"
_TITLES = {
    400: ("Bad Request", "15.5.1"),
    401: ("Unauthorized", "15.5.2"),
    404: ("Not Found", "15.5.5"),
    405: ("Method Not Allowed", "15.5.6"),
    429: ("Too Many Requests", "15.5"),
}
JSON = "application/vnd.oracle.resource+json; type=singular; charset=utf-8"
ERROR_JSON = "application/vnd.oracle.resource+json; type=error; charset=utf-8"


class Refusal(Exception):
    """A request that NetSuite answers with an error.

    Args:
        status: HTTP status.
        code: `o:errorCode`.
        detail: `detail` of the one entry in `o:errorDetails`.
        where: further keys of that entry (`o:errorPath`, `o:errorQueryParam`, `o:errorHeader`).
        title: where it differs from the status's own.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        where: dict[str, str] | None = None,
        title: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.where = where or {}
        self.title = title
        self.headers = headers or {}

    def response(self) -> Response:
        """The error body."""
        from msgspec import json

        title, section = _TITLES[self.status]
        body: dict[str, Any] = {
            "type": _RFC + section,
            "title": self.title or title,
            "status": self.status,
            "o:errorDetails": [{"detail": self.detail, **self.where, "o:errorCode": self.code}],
        }
        return Response(json.encode(body), self.status, self.headers, media_type=ERROR_JSON)
