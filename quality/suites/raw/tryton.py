"""What must hold on arrivals from Tryton. Durations are seconds there, and a credit note's amounts are negative.

A project's rate depends on its task and its method of invoicing, so hours that are held back carry no money.
"""

from __future__ import annotations

from quality.rules import NoRowFrom, NoRowWhere, NotNull, RawSuite, Rule

SECONDS_A_DAY = 24 * 3600

# Net of each invoice by the latest versions of its lines.
_LINES = """
    select l._instance, l.invoice, sum(l.amount) as net
    from (
        select *, row_number() over (
            partition by _instance, _source_id order by _seen_at desc, _load_seq desc
        ) as _rank
        from raw_tryton.invoice_line
    ) as l
    where l._rank = 1 and not l._is_deleted and l.type = 'line'
    group by l._instance, l.invoice
"""

SUITE = RawSuite(
    "tryton",
    {
        "company": (),
        "period": (),
        "currency_rate": (),
        "party": (),
        "party_address": (),
        "contact_mechanism": (),
        "party_category": (),
        "product_category": (),
        "employee": (),
        "system_user": (),
        "product": (),
        "payment_term": (),
        "payment_term_delta": (),
        "opportunity": (
            Rule(
                "opportunity_amount_present",
                "The opportunity is won but has no amount, so there is nothing to bill or to measure. Enter its amount.",
                NoRowWhere("b.state = 'won' and b.amount is null"),
            ),
        ),
        "opportunity_history": (),
        "opportunity_line": (),
        "sale": (),
        "sale_line": (),
        "project_work": (),
        "timesheet_work": (),
        "timesheet_line": (
            Rule(
                "time_hours_in_range",
                "The line has no time, a negative one, or more than 24 hours for one day. Correct or delete the line.",
                NoRowWhere(f"coalesce(b.duration, 0) not between 1 and {SECONDS_A_DAY}"),
            ),
            Rule(
                "time_project_known",
                "The line is booked on a work that does not exist, so nobody can be billed for it. Move the line to "
                "the right work.",
                NoRowFrom(
                    "select b._instance, b._source_id, b._hash from {batch} as b where not exists ("
                    "select 1 from raw_tryton.timesheet_work as w "
                    "where w._instance = b._instance and w._source_id = cast(b.work as varchar))"
                ),
            ),
        ),
        "invoiced_progress": (),
        "note": (),
        "event_log": (),
        "invoice": (
            Rule(
                "invoice_currency_present",
                "The invoice has no currency, so its amounts mean nothing. Set its currency.",
                NotNull("currency__code"),
            ),
            Rule(
                "invoice_lines_sum_to_header",
                "The invoice's net amount is not the sum of its lines, so one of them is wrong or missing. Compare the "
                "invoice with its lines in Tryton.",
                NoRowFrom(
                    "select b._instance, b._source_id, b._hash from {batch} as b "
                    f"left join ({_LINES}) as l on l._instance = b._instance and l.invoice = b.id "
                    "where abs(b.untaxed_amount - coalesce(l.net, 0)) > 0.005"
                ),
                amount="b.untaxed_amount",
                currency="b.currency__code",
            ),
        ),
        "invoice_line": (),
        "move_line": (),
    },
)
