"""What may leave for Tryton."""

from __future__ import annotations

from quality.rules import NoRowWhere, Rule
from quality.suites.outbox.common import CONTRACT, key_like, known_currency, not_negative, number, references, required

_ID = "[0-9]+"
_AN_ID = "a Tryton id"

_OBJECTS: dict[str, tuple[Rule, ...]] = {
    "customer": (key_like("party_[0-9]+", "party_<id>"), *required(("name",))),
    "project": (
        key_like("opp:[0-9]+:[0-9]+", "opp:<opportunity id>:<generation>"),
        *required(("name", "party", "company", "invoice_method", "opportunity_ref")),
        *references(("party", "company"), _ID, _AN_ID),
    ),
    "billing_schedule": (
        key_like("opp_[0-9]+_[0-9]+", "opp_<opportunity id>_<generation>"),
        *required(("project", "amount", "currency")),
        *not_negative(("amount",)),
        known_currency("currency"),
        *references(("project",), _ID, _AN_ID),
    ),
    "opportunity_provisioning": (
        key_like(_ID, _AN_ID),
        *required(("project", "customer", "billing_schedule", "provisioning_status")),
    ),
    "invoice_status": (
        *required(("invoice_number", "opportunity", "status", "net_amount", "gross_amount", "open_amount", "currency")),
        known_currency("currency"),
        *references(("opportunity",), _ID, _AN_ID),
    ),
    "time_entry": (
        key_like("tryton_[0-9]+", "tryton_<timesheet line id>"),
        *required(("time_entry", "project", "employee", "work_date", "hours")),
        Rule(
            "hours_in_range",
            "An entry has more than 0 and at most 24 hours. Correct the timesheet line.",
            NoRowWhere(f"b.eligible and coalesce({number('hours')}, 0) not between 0.0001 and 24"),
        ),
    ),
}


def rules(object_: str) -> tuple[Rule, ...]:
    """The rules of one sync.

    Raises:
        KeyError: nothing of that name may leave.
    """
    return CONTRACT + _OBJECTS[object_]
