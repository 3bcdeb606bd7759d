"""What may leave for NetSuite."""

from __future__ import annotations

from quality.rules import NoRowWhere, Rule
from quality.suites.outbox.common import (
    CONTRACT,
    key_like,
    known_currency,
    not_negative,
    number,
    ordered,
    references,
    required,
)

_ID = "[0-9]+"
_AN_ID = "a NetSuite internal id"

_OBJECTS: dict[str, tuple[Rule, ...]] = {
    "customer": (
        key_like("salesforce_[A-Za-z0-9]{15,18}", "salesforce_<account id>"),
        *required(("companyName", "subsidiary", "currency", "custentity_crm_account")),
        known_currency("currency"),
        *references(("subsidiary",), _ID, _AN_ID),
    ),
    "billing_schedule": (
        key_like("opp_[A-Za-z0-9]{15,18}_[0-9]+", "opp_<opportunity id>_<generation>"),
        *required(
            ("name", "custrecord_bs_customer", "custrecord_bs_project", "custrecord_bs_opportunity",
             "custrecord_bs_amount", "custrecord_bs_currency")
        ),
        *not_negative(("custrecord_bs_amount",)),
        known_currency("custrecord_bs_currency"),
        ordered("custrecord_bs_start_date", "custrecord_bs_end_date"),
    ),
    "time_entry": (
        key_like("kantata_[0-9]+", "kantata_<time entry id>"),
        *required(
            ("customer", "employee", "subsidiary", "tranDate", "hours", "custcol_psa_project", "custcol_psa_entry")
        ),
        Rule(
            "hours_in_range",
            "An entry has more than 0 and at most 24 hours. Correct the entry in the PSA.",
            NoRowWhere(f"b.eligible and coalesce({number('hours')}, 0) not between 0.0001 and 24"),
        ),
        *not_negative(("rate",)),
        *references(("customer", "subsidiary", "department", "class", "location"), _ID, _AN_ID),
    ),
}  # fmt: skip


def rules(object_: str) -> tuple[Rule, ...]:
    """The rules of one sync.

    Raises:
        KeyError: nothing of that name may leave.
    """
    return CONTRACT + _OBJECTS[object_]
