"""Whether the canonical model may be believed: totals in are totals out, and nothing was lost or left hanging.

Each reconciliation compares what the mapping layer hands over (one view a system) with what the canonical table
holds. Keys, relations and accepted values inside the model are dbt tests and are not repeated here; a foreign key that
is null passes those, so it is judged here. What quarantine holds back is no loss: a row whose parent is there is left
out of the comparison or excused.
"""

from __future__ import annotations

from collections.abc import Sequence

from quality.rules import NoRowFrom, RowCount, Rule, Suite

# Which systems map an entity; those that the firm has are compared. The canonical models name the same ones.
_MAPPED = {
    "invoice": ("netsuite", "tryton"),
    "invoice_line": ("netsuite", "tryton"),
    "legal_entity": ("netsuite", "tryton"),
    "payment": ("netsuite", "tryton"),
    "time_entry": ("kantata", "tryton"),
    "opportunity": ("salesforce", "tryton"),
    "project": ("kantata", "tryton"),
}
_CENT = "0.005"


def suites(systems: Sequence[str]) -> list[tuple[str, tuple[str, ...], Suite]]:
    """(relation, key, suite) for a firm with these systems."""
    firm = tuple(systems)
    parts: list[tuple[str, tuple[str, ...], tuple[Rule, ...]]] = [
        ("canonical.dim_customer", ("customer_key",), (_not_empty("customers"),)),
        ("canonical.dim_opportunity", ("opportunity_key",), (_not_empty("deals"), _all_there("opportunity", firm))),
        ("canonical.dim_project", ("project_key",), (_not_empty("projects"), _all_there("project", firm))),
        (
            "canonical.fct_time_entry",
            ("time_entry_version_sk",),
            (_not_empty("time_entries"), _hours_tie(firm), _project_found(firm)),
        ),
        (
            "canonical.fct_invoice",
            ("invoice_key",),
            (_not_empty("invoices"), _documents_tie(firm), _customer_and_entity_found()),
        ),
        (
            "canonical.fct_invoice_line",
            ("invoice_line_key",),
            (_not_empty("invoice_lines"), _lines_tie(firm), _lines_sum_to_net()),
        ),
        ("canonical.fct_payment", ("payment_key",), (_payments_tie(firm),)),
    ]
    return [(relation, key, Suite("canonical", "canonical", rules)) for relation, key, rules in parts]


def _union(entity: str, firm: Sequence[str]) -> str:
    """What every system of the firm hands over of an entity."""
    found = [s for s in _MAPPED[entity] if s in firm]
    if not found:
        raise LookupError(f"no system of this firm maps {entity}; it needs one of {', '.join(_MAPPED[entity])}")
    return " union all ".join(f"select * from mapping.map_{entity}__{system}" for system in found)


def _not_empty(what: str) -> Rule:
    return Rule(
        f"{what}_are_there",
        f"The model has no {what.replace('_', ' ')} at all, so every number on them would be zero. Look at the loads.",
        RowCount(1),
    )


def _tie(name: str, what: str, grain: Sequence[str], handed_over: str, held: str) -> Rule:
    """Two queries with the same grain and a column `total` must agree to the cent, in both directions."""
    same = " and ".join(f"i.{column} is not distinct from o.{column}" for column in grain)
    columns = ", ".join(f"coalesce(i.{column}, o.{column}) as {column}" for column in grain)
    return Rule(
        name,
        f"{what} that the systems hand over and that the model holds differ in the groups shown "
        f"({', '.join(grain)}, in, out). Look for a join of the canonical model that drops or doubles rows.",
        NoRowFrom(
            f"select {columns}, i.total as total_in, o.total as total_out "
            f"from ({handed_over}) as i full outer join ({held}) as o on {same} "
            f"where abs(coalesce(i.total, 0) - coalesce(o.total, 0)) > {_CENT}"
        ),
    )


def _lines_tie(firm: Sequence[str]) -> Rule:
    return _tie(
        "invoice_lines_tie",
        "Net amounts of invoice lines by legal entity and month",
        ("legal_entity_code", "month"),
        "select e.code as legal_entity_code, strftime(d.invoice_date, '%Y-%m') as month, sum(l.net_amount) as total "
        f"from ({_union('invoice_line', firm)}) as l "
        f"inner join ({_union('invoice', firm)}) as d on l.source_system = d.source_system "
        "and l.source_instance = d.source_instance and l.invoice_source_id = d.source_id "
        f"left join ({_union('legal_entity', firm)}) as e on d.source_system = e.source_system "
        "and d.source_instance = e.source_instance and d.legal_entity_source_id = e.source_id "
        "where not l.is_deleted group by all",
        "select b.legal_entity_code, strftime(b.invoice_date, '%Y-%m') as month, sum(b.net_amount) as total "
        "from {batch} as b group by all",
    )


def _documents_tie(firm: Sequence[str]) -> Rule:
    return _tie(
        "documents_tie",
        "Net amounts of invoices and credit memos by system, type and currency",
        ("source_system", "document_type", "currency"),
        "select d.source_system, d.document_type, d.currency, sum(d.net_amount) as total "
        f"from ({_union('invoice', firm)}) as d group by all",
        "select b.source_system, 'invoice' as document_type, b.currency, sum(b.net_amount) as total "
        "from {batch} as b group by all union all "
        "select c.source_system, 'credit_memo', c.currency, sum(c.net_amount) "
        "from canonical.fct_credit_memo as c group by all",
    )


def _payments_tie(firm: Sequence[str]) -> Rule:
    return _tie(
        "payments_tie",
        "Payments by system, currency and month",
        ("source_system", "currency", "month"),
        "select p.source_system, p.currency, strftime(p.received_date, '%Y-%m') as month, sum(p.amount) as total "
        f"from ({_union('payment', firm)}) as p group by all",
        "select b.source_system, b.currency, strftime(b.received_date, '%Y-%m') as month, sum(b.amount) as total "
        "from {batch} as b group by all",
    )


def _hours_tie(firm: Sequence[str]) -> Rule:
    """Entries that were entered in the time-sheet system itself; copies that we pushed elsewhere count nowhere."""
    return _tie(
        "hours_tie",
        "Hours of time entries by system and month",
        ("source_system", "month"),
        "select t.source_system, strftime(t.work_date, '%Y-%m') as month, sum(t.hours) as total "
        f"from ({_union('time_entry', firm)}) as t "
        "where t.known_to is null and not t.is_deleted and t.external_ref is null group by all",
        "select b.source_system, strftime(b.work_date, '%Y-%m') as month, sum(b.hours) as total from {batch} as b "
        f"where b.is_current and not b.is_deleted and b.source_system in ({_listed('time_entry', firm)}) group by all",
    )


def _all_there(entity: str, firm: Sequence[str]) -> Rule:
    return _tie(
        f"{entity}_rows_tie",
        f"Numbers of {entity} rows by system",
        ("source_system",),
        f"select m.source_system, count(*) as total from ({_union(entity, firm)}) as m group by all",
        "select b.source_system, count(*) as total from {batch} as b group by all",
    )


def _project_found(firm: Sequence[str]) -> Rule:
    return Rule(
        "time_has_project",
        "Time entries whose project the model does not have, and quarantine does not hold either. Load the projects, "
        "or look at how the project's mapping filters them.",
        NoRowFrom(
            "select b.time_entry_version_sk from {batch} as b "
            "where b.project_key is null and b.is_current and not b.is_deleted "
            f"and b.source_system in ({_listed('time_entry', firm)}) "
            f"and not {_excused('b.source_system', 'b.project_source_id')}"
        ),
    )


def _customer_and_entity_found() -> Rule:
    return Rule(
        "invoice_has_customer_and_entity",
        "Posted invoices without a customer or a legal entity, so nobody's receivables contain them. Look at the "
        "customer cross-reference and at the subsidiaries.",
        NoRowFrom(
            "select b.invoice_key from {batch} as b where b.posted_at is not null and not b.is_deleted "
            "and (b.customer_key is null or b.legal_entity_key is null)"
        ),
    )


def _lines_sum_to_net() -> Rule:
    return Rule(
        "lines_sum_to_net",
        "Posted invoices and credit memos whose net amount is not the sum of their lines in the model. Look for lines "
        "that the mapping drops or doubles.",
        NoRowFrom(
            "select d.document_key from (select invoice_key as document_key, net_amount, posted_at, is_deleted "
            "from canonical.fct_invoice union all "
            "select credit_memo_key, net_amount, posted_at, is_deleted from canonical.fct_credit_memo) as d "
            "left join (select b.document_key, sum(b.net_amount) as net_amount from {batch} as b "
            "group by b.document_key) as l on d.document_key = l.document_key "
            "where d.posted_at is not null and not d.is_deleted "
            f"and abs(d.net_amount - coalesce(l.net_amount, 0)) > {_CENT}"
        ),
    )


def _excused(system: str, source_id: str) -> str:
    """SQL: quarantine holds the row that is referred to, so that its absence is known and counted."""
    return (
        f"exists (select 1 from quality.quarantine as q where q.system = {system} and q.source_id = {source_id} "
        "and q.resolved_at is null)"
    )


def _listed(entity: str, firm: Sequence[str]) -> str:
    return ", ".join(f"'{system}'" for system in _MAPPED[entity] if system in firm)
