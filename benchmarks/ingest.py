"""Ingestion: CPU seconds to bring Salesforce-like time entries from loopback into DuckDB.

Ours (the platform's HTTP client and pipeline) beside dlt's `rest_api` at its defaults, the same with Parquet,
and a loader written by hand for this one task (msgspec strips the envelope, DuckDB reads NDJSON). One server, the same
pages, one run. `THROUGHLINE_BENCH_ROWS` sets the size (100,000).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec

from benchmarks.measure import machine, median_of

PAGE = 2_000
WAYS = ("hand", "ours", "dlt_parquet", "dlt_default")
FIELDS = [
    "Id", "Project__c", "Resource__c", "Work_Date__c", "Hours__c", "Billable__c", "Status__c", "Bill_Rate__c",
    "CurrencyIsoCode", "Notes__c", "Location__c", "CreatedDate", "SystemModstamp",
]  # fmt: skip


class Page(msgspec.Struct):
    """Salesforce's envelope of a query's page, records left as they are."""

    records: list[msgspec.Raw]
    nextRecordsUrl: str | None = None  # noqa: N815


def record(n: int) -> dict[str, object]:
    """One time entry of about 900 bytes."""
    return {
        "attributes": {"type": "Time_Entry__c", "url": f"/services/data/v61.0/sobjects/Time_Entry__c/a0X{n:012d}"},
        "Id": f"a0X{n:015d}", "Project__c": f"a0P{n % 150:015d}", "Resource__c": f"003{n % 60:015d}",
        "Work_Date__c": f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}", "Hours__c": (n % 32 + 1) / 4, "Billable__c": n % 5 != 0,
        "Status__c": "Approved", "Bill_Rate__c": 120.0 + n % 90, "CurrencyIsoCode": "EUR",
        "Notes__c": f"Entry {n}: " + "workshop with the client, preparation and follow-up; " * 8,
        "Location__c": "Remote", "CreatedDate": "2026-10-01T08:00:00.000+0000",
        "SystemModstamp": f"2026-10-{n % 14 + 1:02d}T08:{n % 60:02d}:00.000+0000",
    }  # fmt: skip


def serve(rows: int) -> ThreadingHTTPServer:
    """The pages over HTTP, made once, in Salesforce's envelope; a token endpoint that gives everybody a token."""
    pages = []
    for start in range(0, rows, PAGE):
        batch = [record(n) for n in range(start, min(start + PAGE, rows))]
        done = start + PAGE >= rows
        more = {} if done else {"nextRecordsUrl": f"/services/data/v61.0/query/01gB-{start + PAGE}"}
        pages.append(json.dumps({"totalSize": rows, "done": done, **more, "records": batch}).encode())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            self._answer(pages[int(path.rsplit("-", 1)[1]) // PAGE if "/query/" in path else 0])

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = f"http://127.0.0.1:{self.server.server_address[1]}"
            self._answer(json.dumps({"access_token": "t", "instance_url": url, "expires_in": 7200}).encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Sforce-Limit-Info", "api-usage=1/100000")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Measure all ways and print the table."""
    rows = int(os.environ.get("THROUGHLINE_BENCH_ROWS", "100000"))
    server = serve(rows)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    costs = {
        way: median_of(1 if way == "dlt_default" else 3, "benchmarks.ingest", [way, url, str(rows)]) for way in WAYS
    }
    server.shutdown()
    print(f"\nIngestion of {rows:,} Salesforce-like rows ({machine()}); medians of 3, dlt's defaults once")
    print(f"{'way':<14}{'CPU s':>8}{'wall s':>8}{'rows/CPU s':>12}{'CPU vs hand':>13}")
    for way, cost in costs.items():
        print(
            f"{way:<14}{cost.cpu:>8.2f}{cost.wall:>8.2f}{rows / cost.cpu:>12,.0f}{cost.cpu / costs['hand'].cpu:>12.1f}x"
        )


def hand(url: str, folder: Path) -> Path:
    """What one would write for this task alone."""
    import duckdb
    import urllib3

    pool, decoder = urllib3.PoolManager(), msgspec.json.Decoder(Page)
    path, target = folder / "rows.ndjson", folder / "hand.duckdb"
    following: str | None = "/services/data/v61.0/query?q=x"
    with path.open("wb") as out:
        while following:
            page = decoder.decode(pool.request("GET", url + following).data)
            out.write(b"\n".join(bytes(r) for r in page.records) + b"\n")
            following = page.nextRecordsUrl
    con = duckdb.connect(str(target))
    columns = ", ".join(
        f"'{f}': '{'DOUBLE' if f in ('Hours__c', 'Bill_Rate__c') else 'BOOLEAN' if f == 'Billable__c' else 'VARCHAR'}'"
        for f in FIELDS
    )
    con.execute(
        f"create table rows as select * from read_json('{path}', format='newline_delimited', columns={{{columns}}})"
    )
    con.close()
    return target


def ours(url: str, folder: Path) -> Path:
    """The platform's HTTP client and pipeline, with typed Arrow, hashes, keys and the change log."""
    from datetime import UTC, datetime

    import pyarrow as pa

    from common.clock import ManualClock
    from common.settings import Settings
    from ingestion.pipeline import load
    from ingestion.resource import Resource, Source
    from systems.http import Http

    class Reader:
        instance = "main"

        def read(self, _name: str, _since: datetime | None, _fields: list[str]) -> Iterator[bytes]:
            http, decoder = Http("salesforce", url), msgspec.json.Decoder(Page)
            following: str | None = "/services/data/v61.0/query?q=x"
            while following:
                page = decoder.decode(http.request("GET", following, write=False).body)
                # As the Salesforce client does: the record's envelope comes first and is cut off unparsed.
                yield b"\n".join(b"{" + raw[raw.find(b"},") + 2 :] for raw in map(bytes, page.records))
                following = page.nextRecordsUrl

        def read_ids(self, _name: str) -> Iterator[list[str]]:
            yield []

    kinds = {"Hours__c": pa.float64(), "Bill_Rate__c": pa.float64(), "Billable__c": pa.bool_()}
    schema = pa.schema([(f, kinds.get(f, pa.string())) for f in FIELDS])
    resource = Resource("time_entry", "Time_Entry__c", ("Id",), schema, "cursor", "SystemModstamp")
    config = Settings(state_dir=folder)
    load(Source("salesforce", (resource,), Reader), config, ManualClock(datetime(2026, 10, 15, tzinfo=UTC)))
    return config.warehouse


def with_dlt(url: str, folder: Path, parquet: bool) -> Path:
    """dlt's declarative REST source, as its documentation shows it."""
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "paginator": {"type": "json_link", "next_url_path": "nextRecordsUrl"},
            },
            "resources": [
                {
                    "name": "rows",
                    "endpoint": {
                        "path": "/services/data/v61.0/query",
                        "params": {"q": "x"},
                        "data_selector": "records",
                    },
                }
            ],
        }
    )
    target = folder / "dlt.duckdb"
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=str(folder), destination=dlt.destinations.duckdb(str(target)), dataset_name="raw"
    )
    pipeline.run(source, **({"loader_file_format": "parquet"} if parquet else {}))
    return target


def count(path: Path) -> int:
    """Rows in the largest table of a DuckDB file."""
    import duckdb

    con = duckdb.connect(str(path), read_only=True)
    names = con.execute("select table_schema, table_name from information_schema.tables").fetchall()
    return max(con.execute(f'select count(*) from "{s}"."{t}"').fetchall()[0][0] for s, t in names)


def _child(way: str, url: str, rows: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = {
            "hand": lambda: hand(url, folder),
            "ours": lambda: ours(url, folder),
            "dlt_parquet": lambda: with_dlt(url, folder, parquet=True),
            "dlt_default": lambda: with_dlt(url, folder, parquet=False),
        }[way]()
        if count(made) != rows:
            raise SystemExit(f"{way} loaded {count(made)} of {rows} rows")
        yield


if __name__ == "__main__":
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    for _ in _child(sys.argv[1], sys.argv[2], int(sys.argv[3])):
        pass
