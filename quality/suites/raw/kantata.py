"""What must hold on arrivals from Kantata OX. Time is in minutes and money in cents there."""

from __future__ import annotations

from quality.rules import NoRowFrom, NoRowWhere, RawSuite, Rule
from quality.suites.reference import CURRENCIES

# What the hours would have been worth at the rate that the entry itself shows.
_WORTH = "b.time_in_minutes / 60.0 * b.rate_in_cents / 100.0"
MINUTES_A_DAY = 24 * 60
_CURRENCIES = ", ".join(f"'{code}'" for code in CURRENCIES)

SUITE = RawSuite(
    "kantata",
    {
        "workspace_groups": (),
        "workspaces": (
            Rule(
                "project_currency_known",
                f"The project's currency is none of the firm's ({', '.join(CURRENCIES)}), so its work can't be valued. "
                "Correct the workspace's currency.",
                NoRowWhere(f"coalesce(b.currency, '') not in ({_CURRENCIES})"),
            ),
        ),
        "workspace_status_changes": (),
        "stories": (),
        "users": (),
        "roles": (),
        "rate_cards": (),
        "rate_card_set_versions": (),
        "rate_card_versions": (),
        "rate_card_roles": (),
        "time_entries": (
            Rule(
                "time_hours_in_range",
                "The entry has no hours, negative ones, or more than 24 for one day. Correct or delete the entry.",
                NoRowWhere(f"coalesce(b.time_in_minutes, 0) not between 1 and {MINUTES_A_DAY}"),
                amount=_WORTH,
                currency="b.currency",
            ),
            Rule(
                "time_project_known",
                "The entry is booked on a workspace that does not exist, so nobody can be billed for it. Move the "
                "entry to the right workspace.",
                NoRowFrom(
                    "select b._instance, b._source_id, b._hash from {batch} as b where not exists ("
                    "select 1 from raw_kantata.workspaces as w "
                    "where w._instance = b._instance and w._source_id = cast(b.workspace_id as varchar))"
                ),
                amount=_WORTH,
                currency="b.currency",
            ),
        ),
        "timesheet_submissions": (),
        "resolutions": (),
    },
)
