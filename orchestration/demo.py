"""Starts and finds the demo's outside systems: the simulated firm's fakes or a real Tryton, as a child process.

The child prints one JSON line when it is ready and ends when its standard input does, so it never outlives the command
that started it, however that died. Nothing here is used by a firm with systems of its own.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from common.settings import ROOT, Settings

MODULES = {"sandbox": "sandbox.server", "tryton": "sandbox.tryton.serve"}
READY_SECONDS = {"sandbox": 180, "tryton": 1200}


class DemoFailed(Exception):
    """The demo's systems could not be started; the message says why in one sentence."""


@dataclass
class Systems:
    """The running outside systems. `child` None: another command's, which we leave running."""

    ready: dict[str, Any]
    child: subprocess.Popen[bytes] | None
    log: Path

    def enter(self) -> None:
        """Let this process's clients find them."""
        os.environ.update(self.ready["environment"])

    def tick(self, days: float) -> dict[str, int]:
        """Let the simulated firm live for `days`; records changed by system.

        Raises:
            DemoFailed: the firm can't live on (its known future has an end), or is a real one.
        """
        if "control" not in self.ready:
            raise DemoFailed("only the simulated firm can be ticked; a real one lives by itself")
        answer = urllib3.request("POST", f"{self.ready['control']}?days={days}", timeout=300.0, retries=False)
        body = answer.json()
        if answer.status != 200:
            raise DemoFailed(str(body.get("error", body)))
        changed: dict[str, int] = body["changed"]
        return changed

    def stop(self) -> None:
        """End what we started."""
        if self.child is None or self.child.poll() is not None:
            return
        if self.child.stdin:
            self.child.stdin.close()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(timeout=10)


def start(config: Settings, tell: Callable[[str], None] = lambda _line: None) -> Systems:
    """The firm's systems: those of a running command, else new ones.

    Args:
        tell: gets each line of progress that the child writes while it makes itself ready.

    Raises:
        DemoFailed: with the child's own last words.
    """
    folder = config.home / "systems"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    found = running(folder / "running.json")
    if found is not None:
        return Systems(found, None, log)
    with log.open("ab") as errors:
        said = errors.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", MODULES[config.firm]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, start_new_session=True,
            env={**os.environ, "THROUGHLINE_FIRM": config.firm},
        )  # fmt: skip
    line = _first_line(child, READY_SECONDS[config.firm], _Progress(log, said, tell))
    if not line:
        child.kill()
        words = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise DemoFailed(f"the {config.firm} systems did not start: {words[0]} (whole log: {log})")
    return Systems(json.loads(line), child, log)


def running(note: Path) -> dict[str, Any] | None:
    """What the note of a running command says, where its systems really answer; a note may outlive its writer."""
    try:
        found: dict[str, Any] = json.loads(note.read_text())
        for url in found["systems"].values():
            address = urllib3.util.parse_url(url)
            socket.create_connection((str(address.host), int(address.port or 80)), timeout=2).close()
    except (OSError, ValueError, KeyError):
        return None
    return found


@dataclass
class _Progress:
    """What a child has written into its log since `said`, passed on line by line."""

    log: Path
    said: int
    tell: Callable[[str], None]

    def pass_on(self) -> None:
        with self.log.open("rb") as written:
            written.seek(self.said)
            new = written.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.said += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self.tell(line)


def _first_line(child: subprocess.Popen[bytes], seconds: float, progress: _Progress) -> bytes:
    """What the child prints when it is ready; nothing where it ends or takes too long."""
    assert child.stdout is not None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        readable, _, _ = select.select([child.stdout], [], [], 1.0)
        progress.pass_on()
        if readable:
            return child.stdout.readline()
    return b""
