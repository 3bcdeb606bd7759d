"""The database that every demo and test starts from: built once, kept in `.tryton/`, copied each time.

Two of them: `business` (SQLite, master data and a year of business) and `master` (PostgreSQL, master data only, for
tests of races that SQLite can't have). The key of a template is the hash of everything that made it, and the month,
because a year of business ends where it was built. It holds Tryton's own texts, so it is never committed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from common.clock import Clock
from sandbox.tryton.environment import INSIDE, LOCK, Environment, TrytonUnavailable, building, ensure, home
from sandbox.tryton.postgres import Cluster

MODULES = (
    "party", "company", "company_work_time", "currency", "country", "account", "account_product", "account_invoice",
    "account_invoice_history", "account_invoice_line_standalone", "account_payment", "analytic_account",
    "analytic_invoice", "analytic_sale", "product", "sale", "sale_opportunity", "project", "project_invoice",
    "project_plan", "project_revenue", "timesheet", "timesheet_cost",
)  # fmt: skip

DATABASE = "firm"
INTEGRATION_USER = "throughline"
STEP_SECONDS = 900

Progress = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing."""


def configuration(folder: Path, uri: str, port: int | None = None) -> Path:
    """A configuration file of Tryton in `folder`: databases at `uri`, served on loopback."""
    lines = ["[database]", f"uri = {uri}", f"path = {folder}", "list = True", "[session]", "timeout = 86400"]
    lines += ["max_attempt = 50", "[password]", "length = 8", "[request]", "timeout = 0"]
    lines += ["[email]", "uri = smtp://127.0.0.1:9"]  # nobody listens there: a demo sends no mail
    if port is not None:
        lines += ["[web]", f"listen = 127.0.0.1:{port}", "root ="]
    path = folder / "trytond.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def key(clock: Clock) -> str:
    """What the templates of this code, lock and month are called."""
    digest = hashlib.sha256()
    digest.update(LOCK.read_bytes())
    digest.update(" ".join(MODULES).encode())
    for script in sorted(INSIDE.glob("*.py")):
        digest.update(script.read_bytes())
    digest.update(clock.now().strftime("%Y-%m").encode())
    return digest.hexdigest()[:16]


def _script(command: list[str], what: str, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=STEP_SECONDS, check=False, cwd=INSIDE, env=environ
    )
    if done.returncode:
        raise TrytonUnavailable(f"{what} failed: {(done.stderr or done.stdout).strip()[-800:]}")


def _environ(folder: Path) -> dict[str, str]:
    """What Tryton's programs see of our environment: nothing that could point them elsewhere."""
    password = folder / "admin-password"
    password.write_text(secrets.token_urlsafe(18))
    password.chmod(0o600)
    return {
        "PATH": "/usr/bin:/bin",
        "TRYTONPASSFILE": str(password),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }


def _activate(environment: Environment, conf: Path, environ: dict[str, str]) -> None:
    _script(
        [str(environment.admin), "-c", str(conf), "-d", DATABASE, "-u", "ir", "res", *MODULES,
         "--activate-dependencies", "--email", "clerk@northlight.example"],
        "activating Tryton's modules", environ,
    )  # fmt: skip


def _put(kind: str, files: dict[Path, Path]) -> None:
    """Move finished files to their final names, and remove what older keys left."""
    for source, target in files.items():
        shutil.move(source, target)
    for old in home().glob(f"{kind}-*"):
        if old not in files.values():
            old.unlink(missing_ok=True)


def business(clock: Clock, progress: Progress = quiet) -> tuple[Path, Path]:
    """The SQLite template with a year of business that ends now, and the file with its integration user's password.

    Raises:
        TrytonUnavailable: the environment can't be had or a step failed, with the end of its message.
    """
    database, secret = home() / f"business-{key(clock)}.sqlite", home() / f"business-{key(clock)}.json"
    if database.exists() and secret.exists():
        return database, secret
    environment = ensure()
    with building("business"):
        if database.exists() and secret.exists():
            return database, secret
        folder = home() / "build-business"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environ = _environ(folder)
        conf = configuration(folder, "sqlite://")
        (folder / f"{DATABASE}.sqlite").touch()
        now = clock.now()
        password = secrets.token_urlsafe(18)
        uri = f"sqlite:///{DATABASE}"
        progress("Tryton: activating modules (half a minute, once)")
        _activate(environment, conf, environ)
        progress("Tryton: master data")
        inside = [str(environment.python)]
        _script(
            [*inside, "setup_master.py", uri, str(conf), now.date().isoformat(), password],
            "master data",
            environ,
        )
        progress("Tryton: a year of business (two to three minutes, once)")
        # An hour's margin: nothing in the story may lie in the future of the server that will run on it.
        end = (now - timedelta(hours=1)).replace(tzinfo=None).isoformat(timespec="seconds")
        _script([*inside, "year_of_business.py", uri, str(conf), end], "the year of business", environ)
        copy(folder / f"{DATABASE}.sqlite", folder / "clean.sqlite")
        (folder / "secret.json").write_text(json.dumps({"user": INTEGRATION_USER, "password": password}))
        (folder / "secret.json").chmod(0o600)
        _put("business", {folder / "clean.sqlite": database, folder / "secret.json": secret})
        shutil.rmtree(folder, ignore_errors=True)
    return database, secret


def master(clock: Clock, progress: Progress = quiet) -> tuple[Path, Path]:
    """The PostgreSQL template with master data only, as a tar of the cluster, and its password file.

    Raises:
        TrytonUnavailable: as `business`, or PostgreSQL can't be had.
    """
    archive, secret = home() / f"master-{key(clock)}.tar", home() / f"master-{key(clock)}.json"
    if archive.exists() and secret.exists():
        return archive, secret
    environment = ensure()
    with building("master"):
        if archive.exists() and secret.exists():
            return archive, secret
        folder = home() / "build-master"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environ = _environ(folder)
        cluster = Cluster().start()
        try:
            cluster.execute(f"create database {DATABASE}")
            conf = configuration(folder, cluster.uri)
            password = secrets.token_urlsafe(18)
            progress("Tryton on PostgreSQL: activating modules (a minute, once)")
            _activate(environment, conf, environ)
            _script(
                [str(environment.python), "setup_master.py", f"{cluster.uri}{DATABASE}", str(conf),
                 clock.now().date().isoformat(), password],
                "master data", environ,
            )  # fmt: skip
            cluster.end()
            cluster.save(folder / "cluster.tar")
        finally:
            cluster.stop()
        (folder / "secret.json").write_text(json.dumps({"user": INTEGRATION_USER, "password": password}))
        (folder / "secret.json").chmod(0o600)
        _put("master", {folder / "cluster.tar": archive, folder / "secret.json": secret})
        shutil.rmtree(folder, ignore_errors=True)
    return archive, secret


def copy(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite database, whatever its write-ahead log still holds; replaces the target's logs."""
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def main() -> None:
    """`python -m sandbox.tryton.template`: build both templates where they are not there, in front of who needs them."""
    from common.clock import SystemClock

    clock = SystemClock()
    business(clock)
    master(clock)


if __name__ == "__main__":
    main()
