"""Runs one command for as long as whoever started it lives. Standard library only; used as a program.

usage: keep.py TERM|INT UID:GID|- command...

The starter holds the other end of standard input. When that closes, because the starter wants an end or because it
was killed, the command gets the signal and a bounded time to end. With UID:GID the command runs as that user.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 15


def main() -> int:
    """Start, wait for the end of the command or of standard input."""
    gently = getattr(signal, f"SIG{sys.argv[1]}")
    account = {}
    if sys.argv[2] != "-":
        user, group = (int(number) for number in sys.argv[2].split(":"))
        account = {"user": user, "group": group, "extra_groups": ()}
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, **account)  # type: ignore[call-overload]

    def watch() -> None:
        while os.read(0, 4096):
            pass
        child.send_signal(gently)
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.send_signal(gently))
    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    # Not sys.exit: the watcher may be inside its read.
    os._exit(main())
