"""What may leave for Salesforce."""

from __future__ import annotations

from quality.rules import Rule
from quality.suites.outbox.common import CONTRACT, key_like, known_currency, references, required

_ID = "[A-Za-z0-9]{15}([A-Za-z0-9]{3})?"
_AN_ID = "a Salesforce id of 15 or 18 characters"

_OBJECTS: dict[str, tuple[Rule, ...]] = {
    "opportunity_provisioning": (
        key_like(_ID, _AN_ID),
        *required(("PSA_Project_Id__c", "ERP_Customer_Id__c", "Billing_Schedule_Id__c", "Provisioning_Status__c")),
    ),
    "invoice_status": (
        # Amounts of credit memos are negative; what is still open of them is no more than what they are worth.
        *required(
            ("Invoice_Number__c", "Status__c", "Net_Amount__c", "Gross_Amount__c", "Open_Amount__c", "CurrencyIsoCode",
             "Invoice_Date__c", "Posted_At__c")
        ),
        *references(("Opportunity__c", "Account__c"), _ID, _AN_ID),
        known_currency("CurrencyIsoCode"),
    ),
}  # fmt: skip


def rules(object_: str) -> tuple[Rule, ...]:
    """The rules of one sync.

    Raises:
        KeyError: nothing of that name may leave.
    """
    return CONTRACT + _OBJECTS[object_]
