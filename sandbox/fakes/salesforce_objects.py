"""What the fake org's administrator set up: objects, fields, types, lengths, picklists, external ids.

The one description that queries, writes and `describe` of `salesforce.py` all go by. No behaviour here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.project.salesforce import KINDS, STAGES

CURRENCIES = ("EUR", "USD", "GBP", "CHF")
BILLING_METHODS = ("time_and_materials", "fixed_fee", "milestone", "retainer")

_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "currency": "xsd:double", "double": "xsd:double",
    "percent": "xsd:double", "int": "xsd:int", "date": "xsd:date", "datetime": "xsd:dateTime",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field, in the words of `describe`.

    Args:
        length: characters (text) or digits before the point (numbers).
        scale: digits after the point; further ones are rounded away on save.
        required: a create without it is refused.
        writable: API clients may set it.
        external_id: unique and case-sensitive; may name records in an upsert.
        values: picklist values; restricted ones admit no others.
        refers_to: object that a reference points to.
    """

    name: str
    type: str
    length: int = 0
    scale: int = 0
    required: bool = False
    writable: bool = True
    external_id: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    refers_to: str = ""

    @property
    def label(self) -> str:
        """What people read, and what error messages call the field."""
        return self.name.removesuffix("__c").replace("_", " ")

    def described(self) -> dict[str, Any]:
        """The field as `describe` shows it."""
        number = self.type in ("currency", "double", "percent")
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
            "length": 0 if number else self.length,
            "precision": self.length + self.scale if number else 0,
            "scale": self.scale,
            "nillable": not self.required and self.type not in ("boolean", "id"),
            "createable": self.writable,
            "updateable": self.writable,
            "custom": self.name.endswith("__c"),
            "externalId": self.external_id,
            "idLookup": self.external_id or self.name == "Id",
            "unique": self.external_id,
            "caseSensitive": self.external_id,
            "filterable": True,
            "sortable": True,
            "defaultedOnCreate": self.type == "boolean",
            "restrictedPicklist": self.restricted,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": v, "validFor": None, "value": v} for v in self.values
            ],
            "referenceTo": [self.refers_to] if self.refers_to else [],
            "relationshipName": self.name.removesuffix("Id").replace("__c", "__r") if self.refers_to else None,
        }


@dataclass(frozen=True)
class Object:
    """One object: its key prefix and its fields by name."""

    name: str
    prefix: str
    fields: dict[str, Field]

    def field(self, name: str) -> Field | None:
        """A field by its name in any case, as Salesforce looks it up."""
        return self.fields.get(name) or next((f for n, f in self.fields.items() if n.lower() == name.lower()), None)

    def described(self, *, with_fields: bool = True) -> dict[str, Any]:
        """The object as `describe` shows it."""
        head: dict[str, Any] = {
            "name": self.name,
            "label": self.name.removesuffix("__c").replace("_", " "),
            "keyPrefix": self.prefix,
            "custom": self.name.endswith("__c"),
            "queryable": True,
            "createable": self.name not in READ_ONLY,
            "updateable": self.name not in READ_ONLY,
            "deletable": self.name not in READ_ONLY,
            "retrieveable": True,
            "replicateable": True,
        }
        if with_fields:
            head["fields"] = [field.described() for field in self.fields.values()]
        return head


READ_ONLY = ("OpportunityHistory", "User")


def _text(name: str, length: int = 255, **more: Any) -> Field:
    return Field(name, "string", length, **more)


def _money(name: str) -> Field:
    return Field(name, "currency", 16, 2)


def _number(name: str, digits: int = 9, scale: int = 2, **more: Any) -> Field:
    return Field(name, "double", digits, scale, **more)


def _pick(name: str, values: tuple[str, ...], *, restricted: bool = True, **more: Any) -> Field:
    return Field(name, "picklist", 255, values=values, restricted=restricted, **more)


def _link(name: str, refers_to: str, **more: Any) -> Field:
    return Field(name, "reference", 18, refers_to=refers_to, **more)


def _date(name: str, **more: Any) -> Field:
    return Field(name, "date", **more)


def _instant(name: str, **more: Any) -> Field:
    return Field(name, "datetime", **more)


_CURRENCY = Field("CurrencyIsoCode", "picklist", 3, values=CURRENCIES, restricted=True)
_OWNER = _link("OwnerId", "User")

_FIELDS: dict[str, tuple[Field, ...]] = {
    "Account": (
        _OWNER,
        _link("MasterRecordId", "Account", writable=False),
        _text("Name", required=True),
        _pick("Type", ("Customer", "Prospect", "Partner"), restricted=False),
        _link("ParentId", "Account"),
        _text("BillingCountry", 80),
        _text("BillingCountryCode", 10),
        _pick("Industry", (), restricted=False),
        Field("Website", "url", 255),
        _text("AccountNumber", 40),
        _CURRENCY,
        _text("Legal_Name__c"),
        _text("Tax_Registration_Id__c", 40),
        _text("Throughline_Key__c", 80, external_id=True),
        _text("ERP_Customer_Id__c", 40),
        _text("PSA_Client_Id__c", 40),
    ),
    "Opportunity": (
        _OWNER,
        _link("AccountId", "Account"),
        _text("Name", 120, required=True),
        _pick("StageName", tuple(name for name, _ in STAGES.values()), required=True),
        _money("Amount"),
        Field("Probability", "percent", 3),
        Field("ExpectedRevenue", "currency", 16, 2, writable=False),
        _date("CloseDate", required=True),
        _pick("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")),
        Field("IsClosed", "boolean", writable=False),
        Field("IsWon", "boolean", writable=False),
        _CURRENCY,
        _instant("Contract_Approved_At__c"),
        _pick("Service_Line__c", (), restricted=False),
        Field("Is_Services__c", "boolean"),
        _pick("Billing_Method__c", BILLING_METHODS),
        _pick("Legal_Entity__c", ("DE01", "US01")),
        _text("PSA_Project_Id__c", 40),
        _text("ERP_Customer_Id__c", 40),
        _text("Billing_Schedule_Id__c", 40),
        _pick("Provisioning_Status__c", ("Accepted", "In Progress", "Provisioned", "Failed")),
    ),
    "OpportunityHistory": (
        _link("OpportunityId", "Opportunity", writable=False),
        _text("StageName", writable=False),
        Field("Amount", "currency", 16, 2, writable=False),
        Field("Probability", "percent", 3, writable=False),
        _date("CloseDate", writable=False),
        _text("ForecastCategory", 40, writable=False),
        Field("CurrencyIsoCode", "picklist", 3, values=CURRENCIES, restricted=True, writable=False),
        _link("CreatedById", "User", writable=False),
    ),
    "Contract": (
        _OWNER,
        _link("AccountId", "Account", required=True),
        _text("ContractNumber", 30, writable=False),
        _pick("Status", ("Draft", "In Approval Process", "Activated", "Terminated")),
        _date("StartDate"),
        _date("EndDate"),
        Field("ContractTerm", "int", 9),
        _instant("ActivatedDate", writable=False),
        _CURRENCY,
        _link("Opportunity__c", "Opportunity"),
        _pick("Legal_Entity__c", ("DE01", "US01")),
        _money("Amount__c"),
        _instant("Signed_At__c"),
    ),
    "Contract_Line__c": (
        _text("Name", 80),
        _CURRENCY,
        _link("Contract__c", "Contract", required=True),
        _number("Line_No__c", 4, 0),
        _pick("Billing_Method__c", BILLING_METHODS),
        _pick("Revenue_Method__c", ("as_billed", "poc_hours", "on_acceptance", "ratable_daily")),
        _money("Amount__c"),
        _number("Planned_Hours__c"),
        _money("NTE_Cap__c"),
        _text("Rate_Card_Id__c", 40),
        _number("Included_Hours__c"),
        _number("Overage_Rate__c", 12, 6),
    ),
    "Contract_Amendment__c": (
        _text("Name", 80),
        _CURRENCY,
        _link("Contract__c", "Contract", required=True),
        _number("Amendment_No__c", 4, 0),
        _date("Effective_Date__c"),
        _instant("Signed_At__c"),
        _money("Amount_Delta__c"),
        _number("Hours_Delta__c"),
        _money("New_NTE_Cap__c"),
        _text("Reason__c"),
    ),
    "Invoice_Status__c": (
        _OWNER,
        _text("Name", 80, writable=False),
        _text("Invoice_Key__c", 80, required=True, external_id=True),
        _text("Invoice_Number__c", 40),
        _link("Opportunity__c", "Opportunity"),
        _link("Account__c", "Account"),
        _text("Status__c", 40),
        _money("Net_Amount__c"),
        _money("Gross_Amount__c"),
        _money("Open_Amount__c"),
        _CURRENCY,
        _date("Invoice_Date__c"),
        _date("Due_Date__c"),
        _instant("Posted_At__c"),
        _date("Last_Payment_Date__c"),
    ),
    "User": (
        _text("Username", 80, writable=False),
        Field("Email", "email", 128, writable=False),
        _text("Name", 121, writable=False),
        _text("LastName", 80, writable=False),
        Field("IsActive", "boolean", writable=False),
    ),
}


def _object(name: str, prefix: str) -> Object:
    system = [Field("Id", "id", 18, writable=False)]
    if name != "User":
        system.append(Field("IsDeleted", "boolean", writable=False))
    stamps = [_instant("CreatedDate", writable=False), _instant("SystemModstamp", writable=False)]
    if name != "OpportunityHistory":
        stamps.append(_instant("LastModifiedDate", writable=False))
    return Object(name, prefix, {f.name: f for f in (*system, *_FIELDS[name], *stamps)})


OBJECTS: dict[str, Object] = {name: _object(name, prefix) for name, prefix in KINDS.values()}


def find_object(name: str) -> Object | None:
    """An object by its name in any case."""
    return OBJECTS.get(name) or next((o for n, o in OBJECTS.items() if n.lower() == name.lower()), None)
