"""What must hold on arrivals from BambooHR."""

from __future__ import annotations

from quality.rules import NoRowWhere, RawSuite, Rule

SUITE = RawSuite(
    "bamboohr",
    {
        "employees": (
            Rule(
                "employee_email_present",
                "The employee has no work e-mail, by which the person is found in every other system. Enter the work "
                "e-mail in BambooHR.",
                NoRowWhere("coalesce(trim(b.\"workEmail\"), '') = ''"),
            ),
        ),
        "employment_status": (),
    },
)
