"""The one registry of what we push, a firm at a time. A new object is a `SyncSpec` here and an outbox model.

Which rows, and what is in them, is SQL (`dbt_project/models/sync/<target>`); how it travels is `writers/<target>.py`.

`fields` are the payload's names and the only fields that we may write: a payload with another one is refused. They
are flat, and a writer turns them into the target's shape: a reference to a record is its plain internal id here, a
custom field its own name.
"""

from __future__ import annotations

from common.settings import Firm
from reverse_etl.spec import Capability, Mode, SyncSpec

UPSERT = Mode(create=True, update=True)
UPDATE_ONLY = Mode(update=True)

PROVISIONING_LANE = "provisioning"
STATUS_LANE = "status"
BULK_LANE = "bulk"

# The steps of opportunity to project, in order: name, object. Each is one sync of the firm below.
OPPORTUNITY_TO_PROJECT: tuple[tuple[str, str], ...] = (
    ("customer in ERP", "customer"),
    ("project in PSA", "project"),
    ("billing schedule in ERP", "billing_schedule"),
    ("ids in CRM", "opportunity_provisioning"),
)

SANDBOX: tuple[SyncSpec, ...] = (
    SyncSpec(
        target="netsuite", object="customer", entity="customer",
        record_type="customer", key_field="externalId",
        capability=Capability.UPSERT, mode=UPSERT,
        # subsidiary: internal id; currency: ISO 4217 (the writer knows NetSuite's ids);
        # custentity_crm_account: 'salesforce:<Account Id>'.
        fields=("companyName", "subsidiary", "currency", "custentity_crm_account"),
        owner_role="finance", sla_hours=4, lane=PROVISIONING_LANE,
    ),
    SyncSpec(
        target="kantata", object="project", entity="project",
        record_type="workspaces", key_field="throughline_key",
        capability=Capability.FINDABLE, mode=UPSERT,
        # workspace_group_id: Kantata id of the client, null where Kantata doesn't know the client yet;
        # dates 'YYYY-MM-DD'; the last five are custom fields. The writer adds throughline_key = key.
        fields=(
            "title", "workspace_group_id", "currency", "start_date", "due_date",
            "opportunity_ref", "contract_ref", "legal_entity", "billing_method", "service_line",
        ),
        owner_role="delivery", sla_hours=4, parallel=4, lane=PROVISIONING_LANE,
        requires=("netsuite__customer",),
    ),
    SyncSpec(
        target="netsuite", object="billing_schedule", entity="billing_schedule",
        record_type="customrecord_billing_schedule", key_field="externalId",
        capability=Capability.UPSERT, mode=UPSERT,
        # custrecord_bs_customer and _project are $ref (NetSuite customer, Kantata workspace).
        fields=(
            "name", "custrecord_bs_customer", "custrecord_bs_project", "custrecord_bs_opportunity",
            "custrecord_bs_contract", "custrecord_bs_billing_method", "custrecord_bs_amount",
            "custrecord_bs_currency", "custrecord_bs_start_date", "custrecord_bs_end_date", "custrecord_bs_status",
        ),
        owner_role="finance", sla_hours=4, lane=PROVISIONING_LANE,
        requires=("netsuite__customer", "kantata__project"),
    ),
    SyncSpec(
        target="salesforce", object="opportunity_provisioning", entity="opportunity_provisioning",
        record_type="Opportunity", key_field="Id",
        capability=Capability.UPSERT, mode=UPDATE_ONLY,
        # The three ids are $ref; Provisioning_Status__c is 'Provisioned'.
        fields=("PSA_Project_Id__c", "ERP_Customer_Id__c", "Billing_Schedule_Id__c", "Provisioning_Status__c"),
        owner_role="sales_ops", sla_hours=4, batch_max=200, parallel=2, lane=PROVISIONING_LANE,
        requires=("netsuite__customer", "kantata__project", "netsuite__billing_schedule"),
    ),
    SyncSpec(
        target="salesforce", object="invoice_status", entity="invoice_status",
        record_type="Invoice_Status__c", key_field="Invoice_Key__c",
        capability=Capability.UPSERT, mode=UPSERT,
        # Opportunity__c and Account__c are Salesforce ids, null where the invoice has none.
        fields=(
            "Invoice_Number__c", "Opportunity__c", "Account__c", "Status__c", "Net_Amount__c", "Gross_Amount__c",
            "Open_Amount__c", "CurrencyIsoCode", "Invoice_Date__c", "Due_Date__c", "Posted_At__c",
            "Last_Payment_Date__c",
        ),
        owner_role="finance", sla_hours=24, batch_max=200, parallel=5, lane=STATUS_LANE,
    ),
    SyncSpec(
        target="netsuite", object="time_entry", entity="time_entry",
        record_type="timebill", key_field="externalId",
        capability=Capability.UPSERT, mode=UPSERT,
        # customer: NetSuite id or $ref; subsidiary, department, class, location: internal ids of the dimensions;
        # custcol_psa_project and custcol_psa_entry: Kantata ids; employee: our employee number.
        fields=(
            "customer", "employee", "subsidiary", "department", "class", "location", "tranDate", "hours",
            "isBillable", "rate", "custcol_psa_project", "custcol_psa_entry",
        ),
        owner_role="finance", sla_hours=24, parallel=10, lane=BULK_LANE,
        requires=("netsuite__customer",),
    ),
)  # fmt: skip

# Tryton is CRM, PSA and ERP at once. The payload uses our own words; its writer knows the fields behind them.
# record_type is the Tryton model that holds the thing. party.code is unique, so the customer is an upsert; the others
# carry our key in free text or a reference that can be searched, so they are findable.
TRYTON: tuple[SyncSpec, ...] = (
    SyncSpec(
        target="tryton", object="customer", entity="customer",
        record_type="party.party", key_field="code",
        capability=Capability.UPSERT, mode=UPSERT,
        fields=("name",),
        owner_role="finance", sla_hours=4, parallel=1, lane=PROVISIONING_LANE,
    ),
    SyncSpec(
        target="tryton", object="project", entity="project",
        record_type="project.work", key_field="comment",
        capability=Capability.FINDABLE, mode=UPSERT,
        # party and company: Tryton ids (party may be a $ref); invoice_method: manual | effort | timesheet | progress.
        fields=("name", "party", "company", "invoice_method", "opportunity_ref"),
        owner_role="delivery", sla_hours=4, parallel=1, lane=PROVISIONING_LANE,
        requires=("tryton__customer",),
    ),
    SyncSpec(
        target="tryton", object="billing_schedule", entity="billing_schedule",
        record_type="account.invoice.line", key_field="note",
        capability=Capability.FINDABLE, mode=UPSERT,
        # project: $ref to the project; amount, currency, billing_method of the sale that was won.
        fields=("project", "billing_method", "amount", "currency"),
        owner_role="finance", sla_hours=4, parallel=1, lane=PROVISIONING_LANE,
        requires=("tryton__project",),
    ),
    SyncSpec(
        target="tryton", object="opportunity_provisioning", entity="opportunity_provisioning",
        record_type="sale.opportunity", key_field="id",
        capability=Capability.UPSERT, mode=UPDATE_ONLY,
        fields=("project", "customer", "billing_schedule", "provisioning_status"),
        owner_role="sales_ops", sla_hours=4, parallel=1, lane=PROVISIONING_LANE,
        requires=("tryton__customer", "tryton__project", "tryton__billing_schedule"),
    ),
    SyncSpec(
        target="tryton", object="invoice_status", entity="invoice_status",
        record_type="sale.opportunity", key_field="comment",
        capability=Capability.UPSERT, mode=UPSERT,
        fields=("invoice_number", "opportunity", "status", "net_amount", "gross_amount", "open_amount", "currency"),
        owner_role="finance", sla_hours=24, parallel=1, lane=STATUS_LANE,
    ),
    SyncSpec(
        target="tryton", object="time_entry", entity="time_entry",
        record_type="ir.note", key_field="message",
        capability=Capability.FINDABLE, mode=UPSERT,
        fields=("time_entry", "project", "employee", "work_date", "hours", "billable"),
        owner_role="finance", sla_hours=24, parallel=1, lane=BULK_LANE,
    ),
)  # fmt: skip

_REGISTRY: dict[Firm, tuple[SyncSpec, ...]] = {"sandbox": SANDBOX, "tryton": TRYTON}


def syncs(firm: Firm) -> tuple[SyncSpec, ...]:
    """What the firm pushes, each sync after those that it requires."""
    return _REGISTRY[firm]


def sync(firm: Firm, sync_id: str) -> SyncSpec:
    """One sync by its id.

    Raises:
        KeyError: if the firm has no such sync; the message lists those it has.
    """
    found = {spec.sync_id: spec for spec in syncs(firm)}
    if sync_id not in found:
        raise KeyError(f"no sync {sync_id!r} in firm {firm!r}; it has {', '.join(found)}")
    return found[sync_id]


def saga_steps(firm: Firm) -> list[tuple[str, SyncSpec]]:
    """The steps of opportunity to project with their syncs, in order: what `saga.advance` works on."""
    by_object = {spec.object: spec for spec in syncs(firm)}
    return [(name, by_object[object_]) for name, object_ in OPPORTUNITY_TO_PROJECT]
