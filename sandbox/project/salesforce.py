"""The firm's truth as Salesforce holds it: accounts, deals with their history, contracts with lines and amendments.

Every value has the shape that the REST API answers with: 18-character ids with the object's key prefix, UTC instants
with milliseconds and `+0000`, money as JSON numbers. No protocol here (that is `sandbox/fakes/salesforce.py`).
`Invoice_Status__c` is not projected: only our own push fills it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sandbox.project.row import Row
from sandbox.truth import Contract, Customer, Opportunity, Project, Truth

# Kind -> (object, key prefix). Standard objects have the prefixes that every org has; custom ones are per org.
KINDS = {
    "account": ("Account", "001"),
    "user": ("User", "005"),
    "opportunity": ("Opportunity", "006"),
    "opportunity_history": ("OpportunityHistory", "008"),
    "contract": ("Contract", "800"),
    "contract_line": ("Contract_Line__c", "a01"),
    "contract_amendment": ("Contract_Amendment__c", "a02"),
    "invoice_status": ("Invoice_Status__c", "a03"),
}

# Truth's stage -> (StageName, ForecastCategoryName).
STAGES = {
    "qualify": ("Qualification", "Pipeline"),
    "propose": ("Proposal/Price Quote", "Best Case"),
    "negotiate": ("Negotiation/Review", "Commit"),
    "closed_won": ("Closed Won", "Closed"),
    "closed_lost": ("Closed Lost", "Omitted"),
}

COUNTRIES = {
    "AT": "Austria", "BE": "Belgium", "CA": "Canada", "CH": "Switzerland", "DE": "Germany", "DK": "Denmark",
    "ES": "Spain", "FR": "France", "GB": "United Kingdom", "IE": "Ireland", "IT": "Italy", "LU": "Luxembourg",
    "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "PL": "Poland", "PT": "Portugal", "SE": "Sweden",
    "US": "United States",
}  # fmt: skip

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def native_id(kind: str, truth_id: str) -> str:
    """The Salesforce id of a truth record: the same one each time, with the object's key prefix.

    Args:
        kind: a key of `KINDS` (`account`, `opportunity`, `contract`, `contract_line`, ...).
        truth_id: the record's id in the truth; users go by their e-mail address.

    Raises:
        KeyError: if Salesforce holds no such kind.
    """
    number = int.from_bytes(hashlib.sha256(f"{kind}:{truth_id}".encode()).digest()[:6], "big")
    return record_id(KINDS[kind][1], number)


def record_id(prefix: str, number: int) -> str:
    """An 18-character id: key prefix, pod, number in base 62, and the three check characters of its upper case."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    short = f"{prefix}Hs{digits.rjust(10, '0')[-10:]}"
    return short + check_characters(short)


def check_characters(short: str) -> str:
    """The three characters that make a case-sensitive 15-character id safe where case gets lost."""
    return "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(short[start : start + 5]) if letter.isupper())]
        for start in (0, 5, 10)
    )


def instant(at: datetime) -> str:
    """A timestamp as the REST API writes it."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def project(truth: Truth, at: datetime) -> Iterator[Row]:
    """Every record as Salesforce holds it at `at`; what was recorded later is not in it."""
    yield from _users(truth)
    broken = {defect.record_id: defect.rule for defect in truth.defects if defect.system == "salesforce"}
    for customer in truth.customers:
        if customer.created_at <= at:
            yield _account(customer, at, broken.get(customer.id))
    provisioned = {p.opportunity_id: p for p in truth.projects if p.opportunity_id and _by(p.created_at, at)}
    customers = {customer.id: customer for customer in truth.customers}
    for deal in truth.opportunities:
        if deal.created_at <= at and deal.stages and deal.stages[0].at <= at:
            rule = broken.get(deal.id)
            yield _opportunity(deal, customers[deal.customer_id], provisioned.get(deal.id), at, rule)
            yield from _history(deal, at, rule)
    owners = {deal.id: deal.owner_email for deal in truth.opportunities}
    for contract in truth.contracts:
        if contract.signed_at <= at:
            yield from _contract(contract, owners[contract.opportunity_id])
    currencies = {contract.id: contract.currency for contract in truth.contracts}
    for change in truth.amendments:
        if change.signed_at <= at:
            record = _stamped(
                "contract_amendment",
                change.id,
                change.signed_at,
                [],
                Name=f"CA-{change.number:03d}",
                CurrencyIsoCode=currencies[change.contract_id],
                Contract__c=native_id("contract", change.contract_id),
                Amendment_No__c=float(change.number),
                Effective_Date__c=_day(change.effective_date),
                Signed_At__c=instant(change.signed_at),
                Amount_Delta__c=_number(change.amount_delta),
                Hours_Delta__c=_number(change.hours_delta),
                New_NTE_Cap__c=_number(change.new_nte_cap),
                Reason__c=change.reason,
            )
            yield _row("contract_amendment", record, change.signed_at)


def _account(customer: Customer, at: datetime, rule: str | None) -> Row:
    """One account. The rule `account_country_known` leaves its country empty or unknown, by turns."""
    renames = [(when, name) for when, name in customer.renamed if when <= at]
    country: str | None = customer.country
    if rule == "account_country_known":
        country = None if hashlib.sha256(customer.id.encode()).digest()[0] % 2 else "XX"
    changes = [when for when, _ in renames]
    references: dict[str, str | None] = {"ERP_Customer_Id__c": None, "PSA_Client_Id__c": None}
    if _by(customer.known_to_erp_at, at):
        from sandbox.project import netsuite

        references["ERP_Customer_Id__c"] = netsuite.native_id("customer", customer.id)
    if _by(customer.known_to_psa_at, at):
        from sandbox.project import kantata

        references["PSA_Client_Id__c"] = kantata.native_id("customer", customer.id)
    changes += [
        when for when in (customer.known_to_erp_at, customer.known_to_psa_at) if when is not None and when <= at
    ]
    return _row(
        "account",
        *_latest(
            "account",
            customer.id,
            customer.created_at,
            changes,
            customer.owner_email,
            MasterRecordId=None,
            Name=renames[-1][1] if renames else customer.name,
            Type="Customer",
            ParentId=native_id("account", customer.parent_id) if customer.parent_id else None,
            BillingCountry=COUNTRIES.get(country, country) if country else None,
            BillingCountryCode=country,
            Industry=customer.industry,
            Website=f"https://www.{customer.domain}",
            AccountNumber=customer.id,
            CurrencyIsoCode=customer.currency,
            Legal_Name__c=customer.legal_name,
            Tax_Registration_Id__c=customer.tax_id,
            Throughline_Key__c=None,
            **references,
        ),
    )


def _opportunity(deal: Opportunity, customer: Customer, work: Project | None, at: datetime, rule: str | None) -> Row:
    """One deal as its latest change left it; a provisioned one carries the ids that were written back."""
    seen = [event for event in deal.stages if event.at <= at]
    now = seen[-1]
    stage, forecast = STAGES[now.stage]
    amount = None if rule == "opportunity_amount_present" else _number(now.amount)
    written: dict[str, str | None] = dict.fromkeys(
        ("PSA_Project_Id__c", "ERP_Customer_Id__c", "Billing_Schedule_Id__c", "Provisioning_Status__c")
    )
    changes = [event.at for event in seen]
    if work is not None and work.created_at is not None:
        from sandbox.project import kantata, netsuite

        changes.append(work.created_at)
        written["PSA_Project_Id__c"] = kantata.native_id("project", work.id)
        written["Provisioning_Status__c"] = "Provisioned"
        if customer.known_to_erp_at is not None:
            written["ERP_Customer_Id__c"] = netsuite.native_id("customer", customer.id)
            written["Billing_Schedule_Id__c"] = netsuite.native_id("billing_schedule", deal.id)
    if deal.contract_approved_at is not None and deal.contract_approved_at <= at:
        changes.append(deal.contract_approved_at)
        approved: str | None = instant(deal.contract_approved_at)
    else:
        approved = None
    return _row(
        "opportunity",
        *_latest(
            "opportunity",
            deal.id,
            deal.created_at,
            changes,
            deal.owner_email,
            AccountId=native_id("account", deal.customer_id),
            Name=deal.name,
            StageName=stage,
            Amount=amount,
            Probability=float(now.probability),
            ExpectedRevenue=None if amount is None else round(amount * now.probability / 100, 2),
            CloseDate=_day(now.expected_close),
            ForecastCategoryName=forecast,
            IsClosed=now.stage.startswith("closed_"),
            IsWon=now.stage == "closed_won",
            CurrencyIsoCode=deal.currency,
            Contract_Approved_At__c=approved,
            Service_Line__c=deal.service_line,
            Is_Services__c=deal.is_services,
            Billing_Method__c=deal.billing_method,
            Legal_Entity__c=deal.legal_entity_id,
            **written,
        ),
    )


def _history(deal: Opportunity, at: datetime, rule: str | None) -> Iterator[Row]:
    """One row a change. CreatedDate is when it changed, SystemModstamp when the next change superseded it."""
    seen = [event for event in deal.stages if event.at <= at]
    for position, event in enumerate(seen):
        superseded = seen[position + 1].at if position + 1 < len(seen) else event.at
        missing = rule == "opportunity_amount_present" and event.stage == "closed_won"
        stage, forecast = STAGES[event.stage]
        record = {
            "Id": native_id("opportunity_history", f"{deal.id}/{position}"),
            "IsDeleted": False,
            "OpportunityId": native_id("opportunity", deal.id),
            "StageName": stage,
            "Amount": None if missing else _number(event.amount),
            "Probability": float(event.probability),
            "CloseDate": _day(event.expected_close),
            "ForecastCategory": forecast.replace(" ", ""),
            "CurrencyIsoCode": deal.currency,
            "CreatedById": native_id("user", deal.owner_email),
            "CreatedDate": instant(event.at),
            "SystemModstamp": instant(superseded),
        }
        yield _row("opportunity_history", record, superseded)


def _contract(contract: Contract, owner: str) -> Iterator[Row]:
    """A signed contract and its lines, as first agreed: amendments are rows of their own."""
    months = (contract.end_date.year - contract.start_date.year) * 12 + (
        contract.end_date.month - contract.start_date.month
    )
    record = _stamped(
        "contract",
        contract.id,
        contract.signed_at,
        [],
        owner,
        AccountId=native_id("account", contract.customer_id),
        ContractNumber=contract.number,
        Status="Activated",
        StartDate=_day(contract.start_date),
        EndDate=_day(contract.end_date),
        ContractTerm=max(months, 1),
        ActivatedDate=instant(contract.signed_at),
        CurrencyIsoCode=contract.currency,
        Opportunity__c=native_id("opportunity", contract.opportunity_id),
        Legal_Entity__c=contract.legal_entity_id,
        Amount__c=_number(contract.amount),
        Signed_At__c=instant(contract.signed_at),
    )
    yield _row("contract", record, contract.signed_at)
    for line in contract.lines:
        record = _stamped(
            "contract_line",
            line.id,
            contract.signed_at,
            [],
            Name=f"{contract.number}-{line.line_no}",
            CurrencyIsoCode=contract.currency,
            Contract__c=native_id("contract", contract.id),
            Line_No__c=float(line.line_no),
            Billing_Method__c=line.billing_method,
            Revenue_Method__c=line.revenue_method,
            Amount__c=_number(line.amount),
            Planned_Hours__c=_number(line.planned_hours),
            NTE_Cap__c=_number(line.nte_cap),
            Rate_Card_Id__c=line.rate_card_id,
            Included_Hours__c=_number(line.included_hours),
            Overage_Rate__c=_number(line.overage_rate),
        )
        yield _row("contract_line", record, contract.signed_at)


def _users(truth: Truth) -> Iterator[Row]:
    """Whoever owns an account or a deal."""
    owners = {c.owner_email for c in truth.customers} | {o.owner_email for o in truth.opportunities}
    for email in sorted(owners):
        name = email.split("@")[0].replace(".", " ").title()
        record = _stamped(
            "user",
            email,
            truth.start,
            [],
            Username=email,
            Email=email,
            Name=name,
            LastName=name.split(" ")[-1],
            IsActive=True,
        )
        yield _row("user", {k: v for k, v in record.items() if k != "IsDeleted"}, truth.start)


def _stamped(
    kind: str, truth_id: str, created: datetime, changes: Iterable[datetime], owner: str | None = None, **fields: Any
) -> dict[str, Any]:
    """The record with the fields that Salesforce keeps on every object."""
    modified = max((created, *changes))
    owned = {"OwnerId": native_id("user", owner)} if owner else {}
    return {
        "Id": native_id(kind, truth_id),
        "IsDeleted": False,
        **owned,
        **fields,
        "CreatedDate": instant(created),
        "LastModifiedDate": instant(modified),
        "SystemModstamp": instant(modified),
    }


def _latest(
    kind: str, truth_id: str, created: datetime, changes: list[datetime], owner: str, **fields: Any
) -> tuple[dict[str, Any], datetime]:
    return _stamped(kind, truth_id, created, changes, owner, **fields), max((created, *changes))


def _row(kind: str, record: dict[str, Any], modified: datetime) -> Row:
    return Row(KINDS[kind][0], record["Id"], record, modified)


def _by(when: datetime | None, at: datetime) -> bool:
    """Whether something has happened by `at`."""
    return when is not None and when <= at


def _day(day: date) -> str:
    return day.isoformat()


def _number(value: Decimal | None) -> float | None:
    """JSON has one kind of number; two decimals of money survive it."""
    return None if value is None else float(value)
