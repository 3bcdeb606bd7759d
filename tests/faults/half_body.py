"""A relay that breaks one request off after half of its body and waits for the sender's death. Knows no protocol above HTTP."""

from __future__ import annotations

import re
import socket
import threading
from typing import BinaryIO
from urllib.parse import urlsplit


class HalfBody:
    """Stands between a client and `url`; every request passes, except the nth one of this method and path.

    Args:
        path: a regular expression for the whole path.
    """

    def __init__(self, url: str, method: str, path: str, nth: int) -> None:
        self.held = threading.Event()
        self._method, self._path, self._left = method, path, nth
        self._counting = threading.Lock()
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as incoming, socket.create_connection(self._target) as server:
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            try:
                while head := _head(incoming):
                    length = _length(head)
                    if self._is_it(head):
                        server.sendall(head + incoming.read(length // 2))
                        self.held.set()
                        incoming.read()  # ends with the sender
                        return
                    server.sendall(head + incoming.read(length))
            except OSError:
                return

    def _is_it(self, head: bytes) -> bool:
        method, path, _ = head.decode("latin-1").split(" ", 2)
        if method != self._method or not re.fullmatch(self._path, path):
            return False
        with self._counting:
            self._left -= 1
            return self._left == 0


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        return


def _head(incoming: BinaryIO) -> bytes:
    """Request line and headers with the empty line; nothing at the end of the connection."""
    lines = []
    while line := incoming.readline():
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _length(head: bytes) -> int:
    found = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    return int(found[1]) if found else 0
