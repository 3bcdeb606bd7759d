"""The record API: what each record type accepts, and what one write or read means. Knows no HTTP.

Writable here: customer, customrecord_billing_schedule and timeBill; subsidiary, currency, employee and transaction
types can be read. A reference is `{"id": "5"}` (or the bare id), `null` clears a field, an unknown field or a value of
the wrong type is refused, and time can't be entered into a closed period of its subsidiary's calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from common.clock import Clock
from sandbox.fakes.netsuite_parts.answers import Refusal
from sandbox.fakes.store import Store, Stored
from sandbox.project.netsuite import relationship_id

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_MOST_TEXT = 4000


@dataclass(frozen=True)
class Field:
    """One field of a record type.

    Args:
        kind: text, flag, num, hours, date, ref or time.
        target: the table that a ref points to.
        column: its SuiteQL column, where it is not the name in lower case.
        required: must have a value once the record is saved.
        writable: False for what NetSuite sets itself.
    """

    kind: str
    target: str = ""
    column: str = ""
    required: bool = False
    writable: bool = True


@dataclass(frozen=True)
class RecordType:
    """One record type of the REST API, and the table that holds it."""

    name: str
    table: str
    fields: dict[str, Field]
    first_id: int = 0
    stamp: str = "lastmodifieddate"
    created: str = "datecreated"
    writable: bool = True

    def column(self, name: str) -> str:
        """The SuiteQL column of a field."""
        return self.fields[name].column or name.lower()


_TEXT = Field("text")
_FLAG = Field("flag")
_TIME = Field("time", writable=False)

TYPES: dict[str, RecordType] = {
    kind.name.lower(): kind
    for kind in (
        RecordType(
            "customer",
            "customer",
            {
                "entityId": _TEXT,
                "companyName": Field("text", required=True),
                # On the record it is one field; SuiteQL has it as customersubsidiaryrelationship.
                "subsidiary": Field("ref", "subsidiary", required=True),
                "parent": Field("ref", "customer"),
                "currency": Field("ref", "currency"),
                "terms": Field("ref", "term"),
                "vatRegNumber": Field("text", column="vatregnumber"),
                "url": _TEXT,
                "email": _TEXT,
                "creditHoldOverride": _TEXT,
                "custentity_crm_account": _TEXT,
                "custentity_legal_name": _TEXT,
                "custentity_country": _TEXT,
                "isInactive": _FLAG,
                "isPerson": _FLAG,
                "dateCreated": _TIME,
                "lastModifiedDate": _TIME,
            },
            first_id=60_000,
        ),
        RecordType(
            "customrecord_billing_schedule",
            "customrecord_billing_schedule",
            {
                "name": Field("text", required=True),
                "custrecord_bs_customer": Field("ref", "customer", required=True),
                "custrecord_bs_project": _TEXT,
                "custrecord_bs_opportunity": _TEXT,
                "custrecord_bs_contract": _TEXT,
                "custrecord_bs_billing_method": _TEXT,
                "custrecord_bs_amount": Field("num"),
                "custrecord_bs_currency": _TEXT,
                "custrecord_bs_start_date": Field("date"),
                "custrecord_bs_end_date": Field("date"),
                "custrecord_bs_status": _TEXT,
                "isInactive": _FLAG,
                "created": _TIME,
                "lastModified": _TIME,
            },
            first_id=70_000,
            stamp="lastmodified",
            created="created",
        ),
        RecordType(
            "timeBill",
            "timebill",
            {
                "customer": Field("ref", "customer"),
                "employee": Field("ref", "employee", required=True),
                "subsidiary": Field("ref", "subsidiary"),
                "department": Field("ref", "department"),
                "class": Field("ref", "classification"),
                "location": Field("ref", "location"),
                "tranDate": Field("date", required=True),
                "hours": Field("hours", required=True),
                "isBillable": _FLAG,
                "rate": Field("num"),
                "memo": _TEXT,
                "custcol_psa_project": _TEXT,
                "custcol_psa_entry": _TEXT,
                "createdDate": _TIME,
                "lastModifiedDate": _TIME,
            },
            first_id=8_000_000,
            created="createddate",
        ),
        RecordType("subsidiary", "subsidiary", {"name": _TEXT, "country": _TEXT}, writable=False),
        RecordType("currency", "currency", {"name": _TEXT, "symbol": _TEXT}, writable=False),
        RecordType("employee", "employee", {"entityId": _TEXT, "email": _TEXT}, writable=False),
    )
}
# What a reference is called in an answer.
_NAMES = {"customer": "companyname", "employee": "entityid", "subsidiary": "name", "term": "name"}


class Records:
    """The record API over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def kind(self, name: str, *, write: bool) -> RecordType:
        """The record type of that name.

        Raises:
            Refusal: if there is none, or it can't be written.
        """
        kind = TYPES.get(name.lower())
        if kind is None:
            raise Refusal(
                404,
                "NONEXISTENT_RECORD_TYPE",
                f"Error while accessing a resource. Record type '{name}' does not exist.",
                where={"o:errorUrl": f"/services/rest/record/v1/{name}"},
            )
        if write and not kind.writable:
            raise Refusal(
                400, "INSUFFICIENT_PERMISSION", f"Permission Violation: you can't edit records of type '{name}'."
            )
        return kind

    def find(self, kind: RecordType, locator: str) -> Stored | None:
        """The live record at an internal id or `eid:<external id>`.

        Raises:
            Refusal: if the locator is neither.
        """
        if locator.startswith("eid:"):
            found = self._store.find(kind.table, "externalid", self.external_id(locator))
            return found[0] if found else None
        if not locator.isdigit():
            raise Refusal(400, "INVALID_ID", f"Error while accessing a resource. Invalid id '{locator}'.")
        stored = self._store.get(kind.table, locator)
        return stored if stored and not stored.deleted else None

    def get(self, kind: RecordType, locator: str) -> Stored:
        """As `find`, but there must be one.

        Raises:
            Refusal: 404.
        """
        found = self.find(kind, locator)
        if found is None:
            raise Refusal(
                404,
                "NONEXISTENT_ID",
                "The record instance does not exist. Provide a valid record instance ID.",
            )
        return found

    @staticmethod
    def external_id(locator: str) -> str:
        """The external id in `eid:...`.

        Raises:
            Refusal: if it has other characters than letters, digits, `_` and `-`.
        """
        value = locator.removeprefix("eid:")
        if not _EXTERNAL_ID.fullmatch(value):
            raise Refusal(
                400,
                "INVALID_ID",
                f"Invalid external ID '{value}'. Use only letters, digits, underscore and hyphen.",
            )
        return value

    def show(self, kind: RecordType, stored: Stored, address: str) -> dict[str, Any]:
        """The record as a GET answers it."""
        out: dict[str, Any] = {"links": [{"rel": "self", "href": f"{address}/{kind.name}/{stored.id}"}]}
        out["id"] = stored.id
        if "externalid" in stored.record:
            out["externalId"] = stored.record["externalid"]
        for name, field in kind.fields.items():
            value = stored.record.get(kind.column(name))
            if kind.name == "customer" and name == "subsidiary":
                value = self._primary_subsidiary(stored.id)
            if value is not None:
                out[name] = self._shown(field, value, address)
        return out

    def save(
        self,
        kind: RecordType,
        known: Stored | None,
        external_id: str | None,
        body: dict[str, Any],
        request_id: str | None,
        *,
        lenient: bool = False,
    ) -> str:
        """Create or change a record and return its internal id.

        Args:
            known: the record to change, None to create one.
            lenient: unknown fields are ignored (X-NetSuite-PropertyNameValidation: ignore).

        Raises:
            Refusal: nothing was saved.
        """
        now = self._clock.now().replace(microsecond=0)
        record = dict(known.record) if known else {}
        if known:
            self._check_period(kind, record)
        for name, value in body.items():
            self._set(kind, record, name, value, lenient=lenient)
        if external_id is not None:
            record["externalid"] = external_id
        self._claim_external_id(kind, record, known)
        subsidiary = record.pop("subsidiary", None) if kind.name == "customer" else None
        self._check_required(kind, record, subsidiary or (known and self._primary_subsidiary(known.id)))
        self._check_period(kind, record)
        id_ = known.id if known else str(self._store.next_id(kind.table, kind.first_id))
        record["id"] = id_
        self._fill(kind, record, new=known is None, now=now)
        with self._store.atomic():
            self._store.put(kind.table, id_, record, now, origin="api", request_id=request_id)
            if subsidiary is not None:
                self._relate(id_, subsidiary, record, now)
        return id_

    def delete(self, kind: RecordType, stored: Stored, request_id: str | None) -> None:
        """Delete a record; `deletedrecord` keeps that it was there.

        Raises:
            Refusal: if others depend on it, or its period is closed.
        """
        self._check_period(kind, stored.record)
        if kind.name == "customer" and self._store.find("transaction", "entity", stored.id):
            raise Refusal(
                400,
                "USER_ERROR",
                "This record cannot be deleted because it has dependent records.",
            )
        now = self._clock.now().replace(microsecond=0)
        with self._store.atomic():
            self._store.delete(kind.table, stored.id, now, request_id=request_id)
            gone = {
                "type": kind.name,
                "recordid": stored.id,
                "name": str(stored.record.get("companyname") or stored.record.get("name") or stored.id),
                "deleteddate": now.strftime("%Y-%m-%dT%H:%M:%S"),
            }
            self._store.put("deletedrecord", f"{kind.table}:{stored.id}", gone, now)

    # -- the rules of one record --------------------------------------------------------------------------------

    def _set(self, kind: RecordType, record: dict[str, Any], name: str, value: Any, *, lenient: bool) -> None:
        if name in ("id", "links"):
            return
        if name == "externalId":
            record["externalid"] = self.external_id(str(value))
            return
        field = kind.fields.get(name)
        if field is None:
            if lenient:
                return
            raise _content(f"Unknown reference or field '{name}' in the request.", name, "INVALID_CONTENT")
        if not field.writable:
            raise _content(f"The field '{name}' can't be set.", name, "INVALID_CONTENT")
        column = kind.column(name)
        if value is None:
            record.pop(column, None)
        else:
            record[column] = self._stored_value(field, name, value)

    def _stored_value(self, field: Field, name: str, value: Any) -> str:
        if field.kind == "ref":
            return self._reference(field, name, value)
        if field.kind == "flag" and isinstance(value, bool):
            return "T" if value else "F"
        if field.kind in ("num", "hours") and isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"{value:.9f}".rstrip("0").rstrip(".")
        if field.kind == "hours" and isinstance(value, str) and re.fullmatch(r"\d+:[0-5]\d", value):
            hours, minutes = value.split(":")
            return f"{int(hours) + int(minutes) / 60:.4f}".rstrip("0").rstrip(".")
        if field.kind == "date" and isinstance(value, str):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        if field.kind == "text" and isinstance(value, str) and len(value) <= _MOST_TEXT:
            return value
        raise _content(
            f"Error while accessing a resource. Invalid value for the resource or sub-resource field '{name}'. "
            f"Provide a valid value.",
            name,
            "INVALID_VALUE",
        )

    def _reference(self, field: Field, name: str, value: Any) -> str:
        if isinstance(value, dict):
            value = value.get("id")
        id_ = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        found = self._store.get(field.target, id_) if id_.isdigit() else None
        if found is None or found.deleted:
            raise _content(
                f"Error while accessing a resource. Invalid Field Value {value} for the following field: {name}.",
                name,
                "INVALID_CONTENT",
            )
        return id_

    def _claim_external_id(self, kind: RecordType, record: dict[str, Any], known: Stored | None) -> None:
        value = record.get("externalid")
        if value is None:
            return
        others = [s for s in self._store.find(kind.table, "externalid", value) if known is None or s.id != known.id]
        if others:
            raise Refusal(400, "DUP_RCRD", "This record already exists.", where={"o:errorPath": "externalId"})

    def _check_required(self, kind: RecordType, record: dict[str, Any], subsidiary: Any) -> None:
        missing = [
            name
            for name, field in kind.fields.items()
            if field.required
            and record.get(kind.column(name)) in (None, "")
            and not (kind.name == "customer" and name == "subsidiary" and subsidiary)
        ]
        if missing:
            raise Refusal(
                400,
                "USER_ERROR",
                f"Error while accessing a resource. Please enter value(s) for: {', '.join(missing)}.",
                where={"o:errorPath": missing[0]},
            )

    def _check_period(self, kind: RecordType, record: dict[str, Any]) -> None:
        """Time belongs to the period of its date in its subsidiary's calendar; a closed one takes nothing."""
        if kind.table != "timebill" or "trandate" not in record:
            return
        calendar = record.get("subsidiary") or self._home(record.get("employee"))
        shut = self._store.select(
            "accountingperiod",
            where="body->>'$.startdate' <= ? and body->>'$.enddate' >= ? and body->>'$.closed' = 'T' and id in "
            "(select id from record where object = 'accountingperiodfiscalcalendars' "
            "and body->>'$.fiscalcalendar' = ?)",
            params=(record["trandate"], record["trandate"], str(calendar or "")),
            limit=1,
        )
        if shut:
            raise Refusal(
                400,
                "USER_ERROR",
                "Error while accessing a resource. The transaction date you specified is not within an open "
                f"accounting period: {shut[0].record['periodname']} is closed.",
                where={"o:errorPath": "tranDate"},
            )

    def _home(self, employee: Any) -> str | None:
        stored = self._store.get("employee", str(employee)) if employee else None
        return stored.record.get("subsidiary") if stored else None

    def _fill(self, kind: RecordType, record: dict[str, Any], *, new: bool, now: datetime) -> None:
        """What NetSuite sets itself."""
        stamp = now.strftime("%Y-%m-%dT%H:%M:%S")
        record[kind.stamp] = stamp
        if not new:
            return
        record[kind.created] = stamp
        if kind.name == "timeBill":
            record.setdefault("isbillable", "F")
            record |= {"timetype": "A", "approvalstatus": "3"}
        else:
            record.setdefault("isinactive", "F")
        if kind.name == "customer":
            record.setdefault("entityid", f"CUST{record['id']}")
            record.setdefault("isperson", "F")
            record.setdefault("creditholdoverride", "AUTO")

    def _relate(self, customer: str, subsidiary: str, record: dict[str, Any], now: datetime) -> None:
        for row in self._store.find("customersubsidiaryrelationship", "entity", customer):
            if row.record["isprimarysub"] == "T" and row.record["subsidiary"] != subsidiary:
                self._store.put("customersubsidiaryrelationship", row.id, {**row.record, "isprimarysub": "F"}, now)
        id_ = relationship_id(customer, subsidiary)
        relation = {
            "id": id_,
            "entity": customer,
            "subsidiary": subsidiary,
            "isprimarysub": "T",
            "isinactive": "F",
            "lastmodifieddate": now.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        if "currency" in record:
            relation["primarycurrency"] = record["currency"]
        before = self._store.get("customersubsidiaryrelationship", id_)
        same = before and not before.deleted and {**before.record, "lastmodifieddate": ""} == {
            **relation, "lastmodifieddate": ""
        }  # fmt: skip
        if not same:
            self._store.put("customersubsidiaryrelationship", id_, relation, now)

    def _primary_subsidiary(self, customer: str) -> str | None:
        rows = self._store.find("customersubsidiaryrelationship", "entity", customer)
        return next((row.record["subsidiary"] for row in rows if row.record["isprimarysub"] == "T"), None)

    def _shown(self, field: Field, value: str, address: str) -> Any:
        if field.kind == "flag":
            return value == "T"
        if field.kind in ("num", "hours"):
            number = float(value)
            return int(number) if number.is_integer() else number
        if field.kind == "time":
            return value + "Z"
        if field.kind == "ref":
            target = self._store.get(field.target, value)
            name = target.record.get(_NAMES.get(field.target, "name"), value) if target else value
            link = {"rel": "self", "href": f"{address}/{field.target}/{value}"}
            return {"links": [link], "id": value, "refName": name}
        return value


def _content(detail: str, name: str, code: str) -> Refusal:
    return Refusal(400, code, detail, where={"o:errorPath": name})
