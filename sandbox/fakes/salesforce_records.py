"""Saving one record as Salesforce saves it: types, lengths, picklists, references, required fields, what follows.

Every refusal has Salesforce's status code, message and fields. How requests carry records is `salesforce.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from common.clock import Clock
from sandbox.fakes.salesforce_objects import OBJECTS, READ_ONLY, Field, Object
from sandbox.fakes.soql import with_check
from sandbox.fakes.store import Store, Stored
from sandbox.project.salesforce import STAGES, instant, native_id, record_id

# Which fields of a record API clients have written: the firm's own life must not overwrite those.
WRITTEN = "#written"
INTEGRATION_USER = native_id("user", "integration@throughline")

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_PROBABILITY = {"qualify": 20, "propose": 50, "negotiate": 75, "closed_won": 100, "closed_lost": 0}
# The fields whose change writes a row of OpportunityHistory.
_TRACKED = ("StageName", "Amount", "Probability", "CloseDate")


class RowError(Exception):
    """This record is refused; others of the request are not concerned."""

    def __init__(self, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields or []

    def body(self) -> dict[str, Any]:
        """The error as an item of a collection's answer has it."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


class BodyError(Exception):
    """The request's JSON can't be read into the org's types: the whole request is refused, no item is named."""


class Ambiguous(Exception):
    """The external id names several records: their ids."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(f"{len(ids)} records")
        self.ids = ids


class Records:
    """The org's records, written to as its rules allow."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def check(self, on: Object, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given values as Salesforce stores them, by the fields' own names.

        Raises:
            BodyError: a value has the wrong JSON type.
            RowError: an unknown or read-only field, a value that is too long, not in its picklist, or points nowhere.
        """
        stored: dict[str, Any] = {}
        for name, value in given.items():
            found = on.field(name)
            if found is None:
                raise RowError("INVALID_FIELD", f"No such column '{name}' on sobject of type {on.name}", [name])
            if not found.writable:
                raise RowError(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {found.name}. Please check the security settings of this field "
                    "and verify that it is read/write for your profile or permission set.",
                    [found.name],
                )
            stored[found.name] = self._value(found, value)
        return stored

    def create(self, on: Object, given: Mapping[str, Any], request_id: str | None = None) -> str:
        """Make a record; returns its id.

        Raises:
            RowError, BodyError: it is refused.
        """
        if on.name in READ_ONLY:
            raise RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {on.name} does not support create")
        values = self.check(on, given)
        missing = [f.name for f in on.fields.values() if f.required and values.get(f.name) is None]
        if missing:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        self._unique(on, values, None)
        number = self._store.next_id(on.name)
        new_id = record_id(on.prefix, 62**7 + number)
        now = instant(self._clock.now())
        record: dict[str, Any] = {name: False if f.type == "boolean" else None for name, f in on.fields.items()}
        record |= {"Id": new_id, "CreatedDate": now}
        if "OwnerId" in record:
            record["OwnerId"] = INTEGRATION_USER
        if "CurrencyIsoCode" in record:
            record["CurrencyIsoCode"] = "EUR"
        if on.name == "Invoice_Status__c":
            record["Name"] = f"IS-{number:06d}"
        if on.name == "Contract":
            record |= {"ContractNumber": f"{90_000_000 + number:08d}", "Status": "Draft"}
        self._save(on, new_id, {}, record, values, request_id)
        return new_id

    def update(self, on: Object, id_: str, given: Mapping[str, Any], request_id: str | None = None) -> None:
        """Change a record.

        Raises:
            RowError, BodyError: it is refused, or there is no such record.
        """
        if on.name in READ_ONLY:
            raise RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {on.name} does not support update")
        known = self.get(on, id_)
        values = self.check(on, given)
        emptied = [name for name, value in values.items() if value is None and on.fields[name].required]
        if emptied:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", emptied)
        self._unique(on, values, known.id)
        self._save(on, known.id, known.record, dict(known.record), values, request_id)

    def upsert(
        self, on: Object, key_field: Field, key: Any, given: Mapping[str, Any], request_id: str | None = None
    ) -> tuple[str, bool]:
        """Create or change the record that `key` names. Returns (id, whether it was created).

        Raises:
            Ambiguous: several records have this key.
            RowError, BodyError: it is refused.
        """
        if key in (None, ""):
            raise RowError("MISSING_ARGUMENT", f"{key_field.name} not specified", [])
        found = self._store.find(on.name, key_field.name, str(key))
        if len(found) > 1:
            raise Ambiguous([stored.id for stored in found])
        if found:
            self.update(on, found[0].id, given, request_id)
            return found[0].id, False
        return self.create(on, {**given, key_field.name: key}, request_id), True

    def delete(self, on: Object, id_: str, request_id: str | None = None) -> None:
        """Put a record into the recycle bin.

        Raises:
            RowError: there is no such record.
        """
        known = self.get(on, id_)
        now = self._clock.now()
        gone = {**known.record, "IsDeleted": True, "SystemModstamp": instant(now), "LastModifiedDate": instant(now)}
        with self._store.atomic():
            self._store.put(on.name, known.id, gone, now)
            self._store.delete(on.name, known.id, now, request_id=request_id)

    def get(self, on: Object, id_: str) -> Stored:
        """A live record by its 15- or 18-character id.

        Raises:
            RowError: it is not one of this object, never was, or was deleted.
        """
        if not _ID.fullmatch(id_) or not id_.startswith(on.prefix):
            raise RowError("MALFORMED_ID", f"{on.name} ID: id value of incorrect type: {id_}", ["Id"])
        found = self._store.get(on.name, with_check(id_))
        if found is None:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if found.deleted:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        return found

    # -- inside -----------------------------------------------------------------------------------------------

    def _save(
        self,
        on: Object,
        id_: str,
        before: Mapping[str, Any],
        record: dict[str, Any],
        values: Mapping[str, Any],
        request_id: str | None,
    ) -> None:
        now = self._clock.now()
        record |= values
        record |= {"SystemModstamp": instant(now), "LastModifiedDate": instant(now)}
        with self._store.atomic():
            if on.name == "Opportunity":
                self._follow_stage(before, record, values, now)
            self._store.put(on.name, id_, record, now, origin="api", request_id=request_id)
            written = self._store.get(WRITTEN, f"{on.name}/{id_}")
            names = sorted({*(written.record["fields"] if written else ()), *values})
            self._store.put(WRITTEN, f"{on.name}/{id_}", {"fields": names}, now)

    def _follow_stage(
        self, before: Mapping[str, Any], record: dict[str, Any], values: Mapping[str, Any], now: datetime
    ) -> None:
        """What Salesforce derives from the stage, and the history row that a change leaves."""
        if all(record.get(name) == before.get(name) for name in _TRACKED):
            return
        stage, forecast = next((k, f) for k, (name, f) in STAGES.items() if name == record["StageName"])
        if record["StageName"] != before.get("StageName"):
            record["ForecastCategoryName"] = forecast
            record["IsClosed"] = stage.startswith("closed_")
            record["IsWon"] = stage == "closed_won"
            if values.get("Probability") is None:
                record["Probability"] = float(_PROBABILITY[stage])
        amount = record.get("Amount")
        record["ExpectedRevenue"] = None if amount is None else round(amount * record["Probability"] / 100, 2)
        earlier = self._store.select(
            "OpportunityHistory",
            where="body ->> '$.OpportunityId' = ?",
            params=(record["Id"],),
            order="body ->> '$.CreatedDate' desc, seq desc",
            limit=1,
        )
        for last in earlier:
            superseded = {**last.record, "SystemModstamp": instant(now)}
            self._store.put("OpportunityHistory", last.id, superseded, now)
        prefix = OBJECTS["OpportunityHistory"].prefix
        history_id = record_id(prefix, 62**7 + self._store.next_id("OpportunityHistory"))
        row = {
            "Id": history_id,
            "IsDeleted": False,
            "OpportunityId": record["Id"],
            **{name: record[name] for name in _TRACKED},
            "ForecastCategory": forecast.replace(" ", ""),
            "CurrencyIsoCode": record["CurrencyIsoCode"],
            "CreatedById": INTEGRATION_USER,
            "CreatedDate": instant(now),
            "SystemModstamp": instant(now),
        }
        self._store.put("OpportunityHistory", history_id, row, now)

    def _unique(self, on: Object, values: Mapping[str, Any], own_id: str | None) -> None:
        for name, value in values.items():
            if value is None or not on.fields[name].external_id:
                continue
            for other in self._store.find(on.name, name, str(value)):
                if other.id != own_id:
                    raise RowError(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: {other.id[:15]}",
                        [],
                    )

    def _value(self, on: Field, value: Any) -> Any:
        """One value as it is stored. Empty text is no value."""
        if value is None or value == "":
            return None
        if on.type == "reference" and isinstance(value, str):
            return self._reference(on, value)
        return _READERS.get(on.type, _text)(on, value)

    def _reference(self, on: Field, value: str) -> str:
        target = OBJECTS[on.refers_to]
        if not _ID.fullmatch(value):
            raise RowError("MALFORMED_ID", f"{on.label}: id value of incorrect type: {value}", [on.name])
        if not value.startswith(target.prefix):
            raise RowError("FIELD_INTEGRITY_EXCEPTION", f"{on.label}: id value of incorrect type: {value}", [on.name])
        found = self._store.get(target.name, with_check(value))
        if found is None or found.deleted:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [on.name])
        return found.id


def _text(on: Field, value: Any) -> Any:
    if not isinstance(value, str):
        return _unreadable(on, value)
    if on.restricted and value not in on.values:
        raise RowError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{on.label}: bad value for restricted picklist field: {value}",
            [on.name],
        )
    if len(value) > on.length:
        raise RowError(
            "STRING_TOO_LONG", f"{on.label}: data value too large: {value} (max length={on.length})", [on.name]
        )
    return value


def _boolean(on: Field, value: Any) -> Any:
    return value if isinstance(value, bool) else _unreadable(on, value)


def _date(on: Field, value: Any) -> Any:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    return _unreadable(on, value)


def _instant(on: Field, value: Any) -> Any:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        return _unreadable(on, value)
    return instant(datetime.fromisoformat(value).astimezone(UTC))


def _number(on: Field, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _unreadable(on, value)
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-on.scale), ROUND_HALF_UP)
    if abs(exact) >= Decimal(10) ** on.length:
        raise RowError("NUMBER_OUTSIDE_VALID_RANGE", f"{on.label}: value outside of valid range: {value}", [on.name])
    return int(exact) if on.type == "int" else float(exact)


def _unreadable(on: Field, value: Any) -> Any:
    kind = {bool: "VALUE_TRUE" if value is True else "VALUE_FALSE", str: "VALUE_STRING", float: "VALUE_NUMBER_FLOAT"}
    seen = kind.get(type(value), "VALUE_NUMBER_INT" if isinstance(value, int) else "START_OBJECT")
    raise BodyError(
        f"Cannot deserialize instance of {on.type} from {seen} value {value} or request may be missing a required field"
    )


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": _boolean,
    "currency": _number,
    "double": _number,
    "percent": _number,
    "int": _number,
    "date": _date,
    "datetime": _instant,
}
