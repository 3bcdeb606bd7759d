"""The separate Python environment that Tryton lives in: made once from `requirements.lock`, kept in `.tryton/`.

It is made anew when the lock changes. Only a package index is needed, and none once it is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.settings import ROOT

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
INSIDE = HERE / "inside"
INSTALL_SECONDS = 600


class TrytonUnavailable(Exception):
    """Tryton's environment or database can't be had here; the message says why and what to do."""


@dataclass(frozen=True)
class Environment:
    """Where Tryton's own Python and programs are."""

    root: Path

    @property
    def python(self) -> Path:
        """The interpreter that runs the scripts in `inside/`."""
        return self.root / "bin" / "python"

    @property
    def trytond(self) -> Path:
        """The server."""
        return self.root / "bin" / "trytond"

    @property
    def admin(self) -> Path:
        """The program that creates and updates databases."""
        return self.root / "bin" / "trytond-admin"


def home() -> Path:
    """The folder of everything that is built once: environment and templates (THROUGHLINE_TRYTON_HOME moves it)."""
    return Path(os.environ.get("THROUGHLINE_TRYTON_HOME", ROOT / ".tryton"))


@contextmanager
def building(name: str) -> Iterator[None]:
    """One process builds `name`, the others wait for it."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _uv() -> list[str]:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise TrytonUnavailable("uv is not installed beside Python; `make run` and `make test` set it up")
    return [found]


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TrytonUnavailable(f"{what} failed: {last}. Is the package index reachable?")


def ensure() -> Environment:
    """The environment, made first where it is missing or from another lock.

    Raises:
        TrytonUnavailable: it can't be installed (offline, no uv); nothing half-made is used later.
    """
    key = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    environment = Environment(home() / "venv")
    stamp = environment.root / ".lock-hash"
    if stamp.exists() and stamp.read_text() == key:
        return environment
    with building("venv"):
        if stamp.exists() and stamp.read_text() == key:
            return environment
        shutil.rmtree(environment.root, ignore_errors=True)
        _run(
            [*_uv(), "venv", "--quiet", "--python", sys.executable, str(environment.root)],
            "making Tryton's environment",
        )
        _run(
            [*_uv(), "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode", "--python",
             str(environment.python), "--requirement", str(LOCK)],
            "installing Tryton",
        )  # fmt: skip
        stamp.write_text(key)
    return environment
