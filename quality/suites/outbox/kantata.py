"""What may leave for Kantata OX."""

from __future__ import annotations

from quality.rules import Rule
from quality.suites.outbox.common import CONTRACT, key_like, known_currency, ordered, references, required

_OBJECTS: dict[str, tuple[Rule, ...]] = {
    "project": (
        key_like("opp:[A-Za-z0-9]{15,18}:[0-9]+", "opp:<opportunity id>:<generation>"),
        *required(("title", "currency", "opportunity_ref", "legal_entity", "billing_method")),
        known_currency("currency"),
        ordered("start_date", "due_date"),
        *references(("workspace_group_id",), "[0-9]+", "a Kantata id"),
        *references(("opportunity_ref", "contract_ref"), "[a-z]+:[A-Za-z0-9]+", "a reference <system>:<id>"),
    ),
}


def rules(object_: str) -> tuple[Rule, ...]:
    """The rules of one sync.

    Raises:
        KeyError: nothing of that name may leave.
    """
    return CONTRACT + _OBJECTS[object_]
