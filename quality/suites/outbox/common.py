"""What must hold on every outgoing batch, whatever its target: the outbox contract (reverse_etl/spec.py), row by row.

A target's module adds what its objects need. Which fields a sync may write at all is the engine's business.
"""

from __future__ import annotations

from collections.abc import Sequence

from quality.rules import InSet, NoRowFrom, NoRowWhere, NotNull, Rule, Unique
from quality.suites.reference import CURRENCIES

# A row's payload as JSON, null where it is none, so that a broken one fails its own rule and no other. The runner
# parses it once for all rules.
PAYLOAD = "b._payload"

CONTRACT: tuple[Rule, ...] = (
    Rule("key_present", "A row without a key can't be sent twice safely. Repair the sync model.", NotNull("key")),
    Rule(
        "key_well_formed",
        "A key has letters, digits and _ - : . only. Repair the sync model.",
        NoRowWhere("not regexp_full_match(b.key, '[A-Za-z0-9_.:-]+')"),
    ),
    Rule("key_unique", "Two rows would write the same record. Repair the sync model's grain.", Unique("key")),
    Rule("eligible_stated", "Nobody says whether the row may go. Repair the sync model.", NotNull("eligible")),
    Rule(
        "reason_given",
        "A row that must not go says why, and one that may go gives no reason. Repair the sync model.",
        NoRowWhere("b.eligible = (coalesce(trim(b.ineligible_reason), '') <> '')"),
    ),
    Rule(
        "payload_is_object",
        "The payload is no JSON object. Repair the sync model.",
        NoRowWhere(f"b.eligible and coalesce(json_type({PAYLOAD}), 'NONE') <> 'OBJECT'"),
    ),
    Rule(
        "payload_complete",
        "Rows of one batch have different fields, so some would keep an old value at the target. Every row names every "
        "field; null clears.",
        NoRowFrom(
            "with fields as ("
            f"select b.key, unnest(json_keys({PAYLOAD})) as field from {{batch}} as b where b.eligible"
            "), expected as (select distinct field from fields) "
            "select b.key from {batch} as b cross join expected as e where b.eligible and not exists ("
            "select 1 from fields as f where f.key = b.key and f.field = e.field) group by b.key"
        ),
    ),
    Rule(
        "payload_flat",
        "A value of the payload is a list or an object that is not a whole $ref (entity, system, key). Repair the sync "
        "model.",
        NoRowFrom(
            "select b.key from {batch} as b, json_each(" + PAYLOAD + ") as j where b.eligible and ("
            "j.type = 'ARRAY' or (j.type = 'OBJECT' and ("
            "coalesce(json_extract_string(j.value, '$.\"$ref\".entity'), '') = '' "
            "or coalesce(json_extract_string(j.value, '$.\"$ref\".system'), '') = '' "
            "or coalesce(json_extract_string(j.value, '$.\"$ref\".key'), '') = ''))) group by b.key"
        ),
    ),
    Rule(
        "observed_whole",
        "What the target showed is known by id and by content, or not at all. Repair the sync model.",
        NoRowWhere("(b.observed_native_id is null) <> (b.observed_payload is null)"),
    ),
    Rule(
        "amount_with_currency",
        "An amount without a currency, or a currency without an amount. Repair the sync model.",
        NoRowWhere("(b.amount is null) <> (b.currency is null)"),
    ),
    Rule(
        "currency_known",
        f"The currency is none of the firm's ({', '.join(CURRENCIES)}). Correct it in the source.",
        InSet("currency", CURRENCIES),
    ),
    Rule("correlated", "The row names no chain that it belongs to. Repair the sync model.", NotNull("correlation_id")),
    Rule(
        "depends_on_is_list",
        "depends_on is no JSON list. Repair the sync model.",
        NoRowWhere(
            "b.depends_on is not null and coalesce(json_type(case when json_valid(b.depends_on) "
            "then cast(b.depends_on as json) end), 'NONE') <> 'ARRAY'"
        ),
    ),
)  # fmt: skip


def text(field: str) -> str:
    """SQL of a payload field's value as text; null where the field is null or missing."""
    return f"json_extract_string({PAYLOAD}, '$.\"{field}\"')"


def number(field: str) -> str:
    """SQL of a payload field's value as a number."""
    return f"try_cast({text(field)} as double)"


def required(fields: Sequence[str]) -> tuple[Rule, ...]:
    """A rule a field that must have a value (a reference counts as one)."""
    return tuple(
        Rule(
            f"{field}_present",
            f"The target can't use the row without {field}. Complete it in the source, or make the row ineligible.",
            NoRowWhere(f"b.eligible and {text(field)} is null"),
        )
        for field in fields
    )


def not_negative(fields: Sequence[str]) -> tuple[Rule, ...]:
    """A rule a field that must be a number and not below zero, where it has a value."""
    return tuple(
        Rule(
            f"{field}_not_negative",
            f"{field} is negative or no number. Correct it in the source.",
            NoRowWhere(f"b.eligible and {text(field)} is not null and coalesce({number(field)}, -1) < 0"),
        )
        for field in fields
    )


def known_currency(field: str) -> Rule:
    """The field's currency code is one of the firm's."""
    codes = ", ".join(f"'{code}'" for code in CURRENCIES)
    return Rule(
        f"{field}_in_firm",
        f"{field} is none of the firm's currencies ({', '.join(CURRENCIES)}). Correct it in the source.",
        NoRowWhere(f"b.eligible and {text(field)} is not null and {text(field)} not in ({codes})"),
    )


def key_like(pattern: str, what: str) -> Rule:
    """The keys have the shape by which the target's rows are found again."""
    return Rule(
        "key_shape",
        f"The key is not {what}. Repair the sync model.",
        NoRowWhere(f"not regexp_full_match(b.key, '{pattern.replace('{', '{{').replace('}', '}}')}')"),
    )


def ordered(first: str, second: str) -> Rule:
    """Of two dates, the first is not after the second."""
    return Rule(
        f"{first}_before_{second}",
        f"{first} is after {second}. Correct the dates in the source.",
        NoRowWhere(
            f"b.eligible and try_cast(left({text(first)}, 10) as date) > try_cast(left({text(second)}, 10) as date)"
        ),
    )


def references(fields: Sequence[str], pattern: str, what: str) -> tuple[Rule, ...]:
    """A rule a field that, where it holds a plain id, holds a well-formed one. A $ref is filled in by the engine."""
    shape = pattern.replace("{", "{{").replace("}", "}}")
    return tuple(
        Rule(
            f"{field}_well_formed",
            f"{field} is not {what}. Repair the sync model or the reference in the source.",
            NoRowWhere(
                f"b.eligible and {text(field)} is not null and not starts_with({text(field)}, '{{{{') "
                f"and not regexp_full_match({text(field)}, '{shape}')"
            ),
        )
        for field in fields
    )
