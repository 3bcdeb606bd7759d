"""What must hold on arrivals from Salesforce."""

from __future__ import annotations

from quality.rules import NoRowWhere, RawSuite, Rule
from quality.suites.reference import COUNTRIES

_COUNTRIES = ", ".join(f"'{code}'" for code in COUNTRIES)

SUITE = RawSuite(
    "salesforce",
    {
        "account": (
            Rule(
                "account_country_known",
                "The account has no billing country, or one that is no ISO 3166 code, so its taxes and legal entity "
                "can't be told. Set BillingCountryCode on the account.",
                NoRowWhere(f"coalesce(b.\"BillingCountryCode\", '') not in ({_COUNTRIES})"),
            ),
        ),
        "opportunity": (
            Rule(
                "opportunity_amount_present",
                "The deal is won but has no amount, so there is nothing to bill or to measure. Enter Amount on the "
                "opportunity.",
                NoRowWhere('b."IsWon" and b."Amount" is null'),
            ),
        ),
        "opportunity_history": (),
        "contract": (),
        "contract_line": (),
        "contract_amendment": (),
        "invoice_status": (),
        "users": (),
    },
)
