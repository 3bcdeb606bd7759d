"""Payloads to Tryton, which is CRM, PSA and ERP at once. One record a request.

Tryton has no external ids, so our key goes where people may see it and a search finds it:

    customer                  party.party          our key in the unique `code`; `party_<id>` is a party that the CRM
                                                   made, which is the ERP's too: nothing is made anew   (class U)
    project                   project.work         `[opp:<deal>:<generation>]` in the comment; a task for each service
                                                   sold, so that time can be booked at the price sold   (class F)
    billing_schedule          account.invoice.line a line that waits to be billed (no invoice, quantity 0, the agreed
                                                   amount as price), key in its note: it shows among the lines to
                                                   invoice and adds nothing to any total                (class F)
    opportunity_provisioning  sale.opportunity     a marked line of the comment holds the ids           (class U)
    invoice_status            sale.opportunity     a marked line of the comment for each invoice        (class U)
    time_entry                ir.note              a note on the line of time: it went to finance, with project,
                                                   employee and day as its dimensions                   (class F)

Lines of a comment that are not ours stay as they are, and a comment is written under Tryton's optimistic lock. Knows no
ledger and retries nothing; what the server's answers mean is decided in `systems/tryton/client.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from reverse_etl.spec import Acked, Doubt, Found, Operation, Outcome, RejectedRow, SyncSpec, Throttled
from systems.errors import InDoubt, Rejected, Retriable
from systems.tryton.client import Client

IDS_MARK = "[throughline:ids]"
_PARTY_KEY = re.compile(r"party_(\d+)")
_PAIR = re.compile(r"(\w+)=(\S+)")


def invoice_mark(key: str) -> str:
    """What the comment line of an invoice begins with."""
    return f"[throughline:invoice {key}]"


def time_mark(key: str) -> str:
    """What the note of an exported line of time begins with."""
    return f"[throughline:time {key}]"


class TrytonWriter:
    """Sends to one database. Safe for threads, as its client is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._objects: dict[str, _Object] = {
            "customer": _Customer(client),
            "project": _Project(client),
            "billing_schedule": _BillingSchedule(client),
            "opportunity_provisioning": _Provisioning(client),
            "invoice_status": _InvoiceStatus(client),
            "time_entry": _TimeEntry(client),
        }

    def send(self, spec: SyncSpec, operations: Sequence[Operation]) -> list[Outcome]:
        """One request with the one row; see `reverse_etl.spec.Writer`.

        Raises:
            ValueError: a delete (nothing that we push to Tryton is ever deleted), or more than one row.
            Fatal: the server can't be talked to.
        """
        if len(operations) > 1:
            raise ValueError(f"{spec.sync_id}: Tryton takes one record a request, {len(operations)} were given")
        if any(operation.op == "delete" for operation in operations):
            raise ValueError(f"{spec.sync_id}: deletes are not sent to Tryton")
        return [self._send(self._objects[spec.object], operation) for operation in operations]

    def _send(self, kind: _Object, operation: Operation) -> Outcome:
        try:
            return Acked(str(kind.put(operation)))
        except Rejected as error:
            return RejectedRow(error.code or "UserError", str(error), error.field)
        except Retriable as error:
            return Throttled(error.after, str(error))
        except InDoubt as error:
            return Doubt(str(error))

    def read_back(self, spec: SyncSpec, keys: Sequence[str]) -> dict[str, Found]:
        """What the database holds under `keys`; see `reverse_etl.spec.Writer`. Where several records carry one key,
        the oldest is meant.

        Raises:
            OutsideError: the server could not answer.
        """
        found = {key: self._objects[spec.object].get(key) for key in keys}
        return {key: row for key, row in found.items() if row is not None}


class _Object:
    """One thing that we push: how it is put there and how it is found again."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def put(self, operation: Operation) -> int:
        """Create or change the record; returns its id."""
        raise NotImplementedError

    def get(self, key: str) -> Found | None:
        """The record under our key."""
        raise NotImplementedError

    def one(self, model: str, domain: list[Any], fields: Sequence[str], what: str) -> dict[str, Any]:
        """The first record in `domain`.

        Raises:
            Rejected: there is none; `what` says what is missing.
        """
        found = self.client.find(model, domain, fields, limit=1)
        if not found:
            raise Rejected("tryton", f"there is no {what}; the row is sent again once its payload changes", code="gone")
        return found[0]


class _Customer(_Object):
    """Clients. The unique code makes a second create impossible."""

    def put(self, operation: Operation) -> int:
        name = operation.payload["name"]
        record = self._find(operation.key)
        if record is None:
            if _PARTY_KEY.fullmatch(operation.key):
                raise Rejected("tryton", f"the party of {operation.key} is gone; somebody deleted it", code="gone")
            try:
                return self.client.create("party.party", [{"name": name, "code": operation.key}])[0]
            except Rejected:
                # An earlier request of ours, whose answer was lost, may have been committed since we looked.
                record = self._find(operation.key)
                if record is None:
                    raise
        if record["name"] != name:
            self.client.write("party.party", record["id"], {"name": name}, timestamp=record["_timestamp"])
        return int(record["id"])

    def get(self, key: str) -> Found | None:
        record = self._find(key)
        return Found(str(record["id"]), {"name": record["name"]}) if record else None

    def _find(self, key: str) -> dict[str, Any] | None:
        own = _PARTY_KEY.fullmatch(key)
        domain: list[Any] = [["id", "=", int(own[1])]] if own else [["code", "=", key]]
        found = self.client.find("party.party", domain, ["name", "_timestamp"], limit=1)
        return found[0] if found else None


class _Project(_Object):
    """Projects, open from the start: time can be booked at once."""

    fields = ("name", "party", "company", "project_invoice_method", "comment", "_timestamp")

    def put(self, operation: Operation) -> int:
        payload = operation.payload
        values = {
            "name": payload["name"],
            "party": int(payload["party"]),
            "project_invoice_method": payload["invoice_method"],
        }
        if operation.native_id is not None:
            return self._change(int(operation.native_id), values, operation.key)
        company = int(payload["company"])
        # Tryton on SQLite checks no reference: a project of a client who does not exist would be taken.
        self.one("party.party", [["id", "=", values["party"]]], [], f"party {values['party']}")
        self.one("company.company", [["id", "=", company]], [], f"company {company}")
        values |= {
            "type": "project",
            "company": company,
            "timesheet_available": True,
            "comment": f"[{operation.key}]",
            "children": [["create", self._tasks(payload["opportunity_ref"], company)]],
        }
        return self.client.create("project.work", [values], context={"company": company})[0]

    def get(self, key: str) -> Found | None:
        domain = [["type", "=", "project"], ["comment", "like", f"%[{key}]%"]]
        for record in self.client.find("project.work", domain, self.fields):
            if f"[{key}]" in record["comment"]:  # `_` and `%` in a key are wildcards to the server
                return Found(
                    str(record["id"]),
                    {
                        "name": record["name"],
                        "party": _text(record["party"]),
                        "company": _text(record["company"]),
                        "invoice_method": record["project_invoice_method"],
                        "opportunity_ref": f"tryton:{key.split(':')[1]}" if key.count(":") == 2 else None,
                    },
                )
        return None

    def _change(self, number: int, values: Mapping[str, Any], key: str) -> int:
        record = self.one("project.work", [["id", "=", number]], self.fields, f"project {number}")
        changed = {name: value for name, value in values.items() if record[name] != value}
        if f"[{key}]" not in (record["comment"] or ""):
            changed["comment"] = "\n".join(filter(None, [record["comment"], f"[{key}]"]))
        if changed:
            self.client.write("project.work", number, changed, timestamp=record["_timestamp"])
        return number

    def _tasks(self, opportunity_ref: str, company: int) -> list[dict[str, Any]]:
        """A task for each service that the deal's confirmed sales sold."""
        deal = f"sale.opportunity,{opportunity_ref.removeprefix('tryton:')}"
        lines = self.client.find(
            "sale.line",
            [
                ["sale.origin", "=", deal],
                ["sale.state", "in", ["confirmed", "processing", "done"]],
                ["type", "=", "line"],
            ],
            ["product", "product__name", "product__type", "quantity", "unit__symbol", "unit_price"],
        )
        return [
            {
                "name": line["product__name"],
                "type": "task",
                "company": company,
                "timesheet_available": True,
                "product": line["product"],
                "list_price": Decimal(line["unit_price"]),
                "effort_duration": timedelta(hours=line["quantity"]),
            }
            for line in lines
            if line["product__type"] == "service" and line["unit__symbol"] == "h"
        ]


class _BillingSchedule(_Object):
    """What is to be billed for a deal, as a line that waits for its invoice."""

    fields = ("note", "unit_price", "currency__code", "_timestamp")

    def put(self, operation: Operation) -> int:
        payload = operation.payload
        note = _line(f"[{operation.key}]", {name: payload[name] for name in ("project", "billing_method")})
        price = Decimal(str(payload["amount"] or 0)).quantize(Decimal("0.0001"))
        if operation.native_id is not None:
            number = int(operation.native_id)
            record = self.one("account.invoice.line", [["id", "=", number]], self.fields, f"waiting line {number}")
            self.client.write(
                "account.invoice.line", number, {"note": note, "unit_price": price}, timestamp=record["_timestamp"]
            )
            return number
        project = self.one(
            "project.work", [["id", "=", int(payload["project"])]], ["name", "party", "company"], "such project"
        )
        currency = self.one(
            "currency.currency", [["code", "=", payload["currency"]]], ["code"], f"currency {payload['currency']}"
        )
        account = self.one(
            "account.account",
            [["company", "=", project["company"]], ["type.revenue", "=", True], ["closed", "!=", True]],
            ["name"],
            "open revenue account of the project's company",
        )
        values = {
            "type": "line",
            "invoice_type": "out",
            "company": project["company"],
            "party": project["party"],
            "currency": currency["id"],
            "account": account["id"],
            "description": f"Billing schedule: {project['name']}",
            "quantity": 0.0,
            "unit_price": price,
            "note": note,
        }
        return self.client.create("account.invoice.line", [values], context={"company": project["company"]})[0]

    def get(self, key: str) -> Found | None:
        domain = [["invoice", "=", None], ["note", "like", f"[{key}]%"]]
        for record in self.client.find("account.invoice.line", domain, self.fields):
            if record["note"].startswith(f"[{key}]"):
                pairs = dict(_PAIR.findall(record["note"]))
                return Found(
                    str(record["id"]),
                    {
                        "project": pairs.get("project"),
                        "billing_method": pairs.get("billing_method"),
                        "amount": float(record["unit_price"]),
                        "currency": record["currency__code"],
                    },
                )
        return None


class _OpportunityComment(_Object):
    """What we tell sales stands in lines of the deal's comment, each with a mark of ours in front."""

    model = "sale.opportunity"

    def set_line(self, number: int, mark: str, line: str) -> int:
        """Put `line` where the line with `mark` is, or at the end."""
        record = self.one(self.model, [["id", "=", number]], ["comment", "_timestamp"], f"deal {number}")
        before = (record["comment"] or "").splitlines()
        after = [line if old.startswith(mark) else old for old in before]
        if line not in after:
            after.append(line)
        if after != before:
            self.client.write(self.model, number, {"comment": "\n".join(after)}, timestamp=record["_timestamp"])
        return number

    def marked(self, domain: list[Any], mark: str) -> tuple[int, str] | None:
        """The first deal in `domain` that has a line with `mark`, and that line."""
        for record in self.client.find(self.model, domain, ["comment"]):
            for line in (record["comment"] or "").splitlines():
                if line.startswith(mark):
                    return record["id"], line
        return None


class _Provisioning(_OpportunityComment):
    """The ids that a deal got."""

    names = ("project", "customer", "billing_schedule")

    def put(self, operation: Operation) -> int:
        payload = operation.payload
        pairs = {name: payload[name] for name in self.names}
        line = _line(IDS_MARK, {**pairs, "status": payload["provisioning_status"]})
        return self.set_line(int(operation.key), IDS_MARK, line)

    def get(self, key: str) -> Found | None:
        deals = self.client.find(self.model, [["id", "=", int(key)]], ["comment"])
        if not deals:
            return None
        found = self.marked([["id", "=", int(key)]], IDS_MARK)
        pairs = dict(_PAIR.findall(found[1])) if found else {}
        fields = {name: pairs.get(name) for name in self.names}
        return Found(key, {**fields, "provisioning_status": pairs.get("status")})


class _InvoiceStatus(_OpportunityComment):
    """Where an invoice stands."""

    def put(self, operation: Operation) -> int:
        payload = operation.payload
        mark = invoice_mark(operation.key)
        names = ("invoice_number", "status", "net_amount", "gross_amount", "open_amount", "currency")
        return self.set_line(int(payload["opportunity"]), mark, _line(mark, {name: payload[name] for name in names}))

    def get(self, key: str) -> Found | None:
        mark = invoice_mark(key)
        found = self.marked([["comment", "like", f"%{mark}%"]], mark)
        if found is None:
            return None
        number, line = found
        pairs = dict(_PAIR.findall(line.removeprefix(mark)))
        amounts = {
            name: float(pairs[name]) if name in pairs else None
            for name in ("net_amount", "gross_amount", "open_amount")
        }
        texts = {name: pairs.get(name) for name in ("invoice_number", "status", "currency")}
        return Found(str(number), {**texts, **amounts, "opportunity": str(number)})


class _TimeEntry(_Object):
    """Approved time that finance has."""

    names = ("project", "employee", "work_date", "hours", "billable")

    def put(self, operation: Operation) -> int:
        payload = operation.payload
        message = _line(time_mark(operation.key), {name: payload[name] for name in self.names})
        if operation.native_id is not None:
            number = int(operation.native_id)
            self.client.write("ir.note", number, {"message": message})
            return number
        resource = f"timesheet.line,{payload['time_entry']}"
        return self.client.create("ir.note", [{"resource": resource, "message": message}])[0]

    def get(self, key: str) -> Found | None:
        mark = time_mark(key)
        for record in self.client.find("ir.note", [["message", "like", f"{mark}%"]], ["message", "resource"]):
            if record["message"].startswith(mark):
                pairs = dict(_PAIR.findall(record["message"].removeprefix(mark)))
                texts = {name: pairs.get(name) for name in ("project", "employee", "work_date")}
                return Found(
                    str(record["id"]),
                    {
                        **texts,
                        "time_entry": record["resource"].split(",")[1],
                        "hours": float(pairs["hours"]) if "hours" in pairs else None,
                        "billable": {"true": True, "false": False}.get(pairs.get("billable", "")),
                    },
                )
        return None


def connect() -> TrytonWriter:
    """A writer to the database that the environment names."""
    from systems.tryton.client import connect as open_client

    return TrytonWriter(open_client())


def _line(mark: str, pairs: Mapping[str, Any]) -> str:
    """A marked line: `[mark] name=value ...`; nulls are left out."""
    told = (f"{name}={_word(value)}" for name, value in pairs.items() if value is not None)
    return " ".join([mark, *told])


def _word(value: Any) -> str:
    """A value as one word."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return re.sub(r"\s+", "_", str(value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
