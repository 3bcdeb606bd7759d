"""The simulated firm's systems as targets of a child that is killed: served over HTTP, with their commit logs at hand.

Here are the running fakes, the rows of each sync, and the factory for `child.py`. What must be true after a kill is in
the tests.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import urllib3

from common.clock import FileClock
from reverse_etl.spec import DesiredRow, SyncSpec, Writer
from reverse_etl.syncs import saga_steps, sync
from reverse_etl.writers.kantata import KantataWriter
from reverse_etl.writers.netsuite import NetSuiteWriter
from reverse_etl.writers.salesforce import SalesforceWriter
from sandbox.fakes.kantata import created_keys
from sandbox.fakes.salesforce_objects import OBJECTS
from sandbox.fakes.salesforce_records import Records
from sandbox.firm import build
from sandbox.server import Servers
from systems.kantata.client import Client as Kantata
from systems.kantata.settings import KantataSettings
from systems.netsuite.client import Client as NetSuite
from systems.netsuite.settings import NetSuiteSettings
from systems.salesforce.client import Client as Salesforce
from systems.salesforce.settings import SalesforceSettings
from tests.faults.child import PATIENCE_SECONDS, START

SEED = 20261015
SMALL = 0.05
TARGETS = ("salesforce", "kantata", "netsuite")
# The request that sends rows, as method and path.
SENDS: dict[str, tuple[str, str]] = {
    "salesforce": ("PATCH", r"/services/data/v[\d.]+/composite/sobjects.*"),
    "kantata": ("POST", r"/api/v1/workspaces.*"),
    "netsuite": ("PUT", r"/services/rest/record/.*"),
}


class Systems:
    """The three targets of one small firm, running in this process on one clock. Each test uses keys of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FileClock(folder / "clock.json", START)
        self.truth = build(START, SEED, SMALL)
        self.servers = Servers(folder, self.clock, self.truth, systems=TARGETS).start()
        self._http = urllib3.PoolManager()

    def stop(self) -> None:
        """Stop the fakes."""
        self._http.clear()
        self.servers.stop()

    def url(self, target: str) -> str:
        """Where a fake listens."""
        return self.servers.fakes[target].url

    def arguments(self, steps: Sequence[tuple[SyncSpec, Sequence[DesiredRow]]], **urls: str) -> dict[str, Any]:
        """What the factory needs to deliver these steps; `urls` replaces the address of a target."""
        environment = self.servers.environment()
        for target, url in urls.items():
            environment = {name: value.replace(self.url(target), url) for name, value in environment.items()}
        return {
            "environment": environment,
            "clock": str(self.folder / "clock.json"),
            "steps": [{"sync": spec.sync_id, "rows": [asdict(row) for row in rows]} for spec, rows in steps],
        }

    # --- misbehaviour ---

    def plan(self, target: str, kind: str, **more: Any) -> None:
        """Let a sending request of a target misbehave."""
        method, path = SENDS[target]
        self._control(target, "POST", "faults", json.dumps({"kind": kind, "method": method, "path": path, **more}))

    def held(self, target: str) -> int:
        """How many requests the target holds."""
        return int(self._control(target, "GET", "held")["held"])

    def quiet(self) -> None:
        """After a kill: plan no more faults, and wait until nothing of the dead process is held or executed."""
        for target in TARGETS:
            self._control(target, "DELETE", "faults")
            assert until(lambda target=target: self.held(target) == 0), f"{target} still holds a request"  # type: ignore[misc]

    def _control(self, target: str, method: str, what: str, body: str | None = None) -> Any:
        answer = self._http.request(method, f"{self.url(target)}/_control/{what}", body=body)
        assert answer.status == 200, answer.data
        return answer.json()

    # --- what the targets hold ---

    def creates(self, spec: SyncSpec) -> Counter[str]:
        """Creates by our key, from the target's commit log."""
        store = self.servers.fakes[spec.target].store
        if spec.target == "kantata":
            return Counter(created_keys(store))
        object_, field = spec.record_type, spec.key_field
        if spec.target == "netsuite":
            object_, field = object_.lower(), "externalid"
        made = [store.get(object_, commit.key) for commit in store.commits(object_) if commit.op == "create"]
        return Counter(str(one.record[field]) for one in made if one is not None)

    # --- rows ---

    def deals(self, n: int) -> list[str]:
        """Ids of `n` new opportunities, as sales would enter them."""
        store = self.servers.fakes["salesforce"].store
        values = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-10-01"}
        with store.atomic():
            return [Records(store, self.clock).create(OBJECTS["Opportunity"], values) for _ in range(n)]

    def rows(self, spec: SyncSpec, tag: str, n: int) -> list[DesiredRow]:
        """`n` rows of one sync, under keys that carry `tag`."""
        if spec.object == "opportunity_provisioning":
            keys = self.deals(n)
        else:
            shape = "opp:{}{:04d}:1" if spec.target == "kantata" else "{}_{:04d}"
            keys = [shape.format(tag, number) for number in range(n)]
        client = self.servers.fakes["netsuite"].store.select("customer", limit=1)[0].id
        person = next(r.id for r in self.truth.resources if r.legal_entity_id == "DE01")
        return [
            DesiredRow(
                key, True, payload=_payload(spec.object, key, client=client, person=person), correlation_id=f"x:{key}"
            )
            for key in keys
        ]

    def saga(self, n: int) -> list[tuple[SyncSpec, list[DesiredRow]]]:
        """`n` won deals on their way: customer, project, schedule, ids back; each step refers to the ones before it."""
        deals = self.deals(n)
        return [(spec, [_step(spec, deal) for deal in deals]) for _, spec in saga_steps("sandbox")]


def until(reached: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Ask again and again, at most for `seconds`; whether it came true."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if reached():
            return True
        pause.wait(0.02)
    return False


class Held:
    """Says when a fake holds a request: what `Scenario.kill_when` waits for."""

    def __init__(self, systems: Systems, target: str) -> None:
        self._systems, self._target = systems, target

    def wait(self, seconds: float) -> bool:
        """Whether that happens within `seconds`."""
        return until(lambda: self._systems.held(self._target) > 0, seconds)


def _payload(object_: str, key: str, *, client: Any, person: str, project: Any = "41000001") -> dict[str, Any]:
    """One row's fields. `client` and `project` may be references."""
    payloads: dict[str, dict[str, Any]] = {
        "customer": {
            "companyName": f"Söhne & {key}", "subsidiary": "1", "currency": "USD",
            "custentity_crm_account": f"salesforce:{key}",
        },
        "project": {
            "title": f"Project {key}", "workspace_group_id": None, "currency": "EUR", "start_date": "2026-11-01",
            "due_date": "2027-03-31", "opportunity_ref": f"salesforce:{key}", "contract_ref": None,
            "legal_entity": "DE01", "billing_method": "fixed_fee", "service_line": "strategy",
        },
        "billing_schedule": {
            "name": f"Schedule {key}", "custrecord_bs_customer": client, "custrecord_bs_project": project,
            "custrecord_bs_opportunity": key, "custrecord_bs_contract": None,
            "custrecord_bs_billing_method": "fixed_fee", "custrecord_bs_amount": 1234.56,
            "custrecord_bs_currency": "EUR", "custrecord_bs_start_date": "2026-11-01",
            "custrecord_bs_end_date": "2027-03-31", "custrecord_bs_status": "Active",
        },
        "opportunity_provisioning": {
            "PSA_Project_Id__c": project, "ERP_Customer_Id__c": client, "Billing_Schedule_Id__c": "7",
            "Provisioning_Status__c": "Provisioned",
        },
        "invoice_status": {
            "Invoice_Number__c": key, "Opportunity__c": None, "Account__c": None, "Status__c": "Open",
            "Net_Amount__c": 100.5, "Gross_Amount__c": 119.6, "Open_Amount__c": 19.25, "CurrencyIsoCode": "EUR",
            "Invoice_Date__c": "2026-10-01", "Due_Date__c": "2026-10-31", "Posted_At__c": "2026-10-01T09:30:00Z",
            "Last_Payment_Date__c": None,
        },
        "time_entry": {
            "customer": client, "employee": person, "subsidiary": "1", "department": "1", "class": "2",
            "location": "1", "tranDate": "2026-10-09", "hours": 7.25, "isBillable": True, "rate": 142.5,
            "custcol_psa_project": project, "custcol_psa_entry": key,
        },
    }  # fmt: skip
    return payloads[object_]


def _ref(entity: str, system: str, key: str) -> dict[str, Any]:
    return {"$ref": {"entity": entity, "system": system, "key": key}}


def _step(spec: SyncSpec, deal: str) -> DesiredRow:
    """A deal's row in one step of the saga, with the keys that the outbox models give."""
    chain, client_key, schedule_key = f"opp:{deal}:1", f"salesforce_{deal}", f"opp_{deal}_1"
    keys = {
        "customer": client_key,
        "project": chain,
        "billing_schedule": schedule_key,
        "opportunity_provisioning": deal,
    }
    payload = _payload(
        spec.object,
        deal,
        client=_ref("customer", "netsuite", client_key),
        project=_ref("project", "kantata", chain),
        person="",
    )
    if spec.object == "opportunity_provisioning":
        payload["Billing_Schedule_Id__c"] = _ref("billing_schedule", "netsuite", schedule_key)
    return DesiredRow(
        keys[spec.object],
        True,
        payload=payload,
        business_key=deal,
        client=f"Client of {deal}",
        correlation_id=f"salesforce:{deal}" if spec.object == "customer" else chain,
        depends_on=(f"netsuite/customer/{client_key}",) if spec.object == "project" else (),
    )


def factory(
    args: Mapping[str, Any],
) -> tuple[dict[str, Writer], list[tuple[SyncSpec, list[DesiredRow]]]]:
    """For `child.py`: the real writers on the addresses in `args`, and the steps that `Systems.arguments` wrote down."""
    clock = FileClock(Path(args["clock"]), START)

    def settings_of(target: str) -> dict[str, str]:
        prefix = f"THROUGHLINE_{target.upper()}_"
        return {k.removeprefix(prefix).lower(): v for k, v in args["environment"].items() if k.startswith(prefix)}

    def wait(_seconds: float) -> None:
        """Virtual time doesn't pass by waiting."""

    writers: dict[str, Writer] = {
        "salesforce": SalesforceWriter(Salesforce(SalesforceSettings(**settings_of("salesforce")), clock, wait)),
        "kantata": KantataWriter(Kantata(KantataSettings(**settings_of("kantata")), clock, wait)),
        "netsuite": NetSuiteWriter(NetSuite(NetSuiteSettings(**settings_of("netsuite")), clock, wait)),
    }
    steps = [
        (
            sync("sandbox", step["sync"]),
            [DesiredRow(**{**row, "depends_on": tuple(row["depends_on"])}) for row in step["rows"]],
        )
        for step in args["steps"]
    ]
    return writers, steps
