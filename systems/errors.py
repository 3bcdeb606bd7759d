"""What went wrong, classed by what the caller must do next.

Every client maps its system's answers to these once; nobody else reads a vendor's error body.
"""

from __future__ import annotations


class OutsideError(Exception):
    """Base: an outside system did not do what was asked. Never raised itself.

    Args:
        system: slug of the system.
        message: what happened and what to do next, without secrets.
        code: the vendor's own error code, where it gave one.
    """

    def __init__(self, system: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"{system}: {message}")
        self.system = system
        self.code = code


class Fatal(OutsideError):
    """Stop talking to this system: wrong credentials, unknown object, a page that can't be read."""


class Retriable(OutsideError):
    """Nothing was executed; the same request may be sent again after `after` seconds."""

    def __init__(self, system: str, message: str, *, after: float = 1.0, code: str | None = None) -> None:
        super().__init__(system, message, code=code)
        self.after = after


class Rejected(OutsideError):
    """The system refused this record for its content; sending it again unchanged is useless."""

    def __init__(
        self,
        system: str,
        message: str,
        *,
        record: str | None = None,
        field: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(system, message, code=code)
        self.record = record
        self.field = field


class PeriodClosed(Rejected):
    """The ERP refused a posting because its accounting period is closed or locked."""


class InDoubt(OutsideError):
    """The request may or may not have been executed: a time-out, a reset, a 5xx. Read back before resending."""
