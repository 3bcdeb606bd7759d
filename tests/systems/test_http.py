"""The one HTTP client: one attempt a call, errors by what the caller must do next, no secret in a message."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from systems.errors import Fatal, InDoubt, Retriable
from systems.http import Http, Response, redact, writes_start_only_while


class Peer:
    """A server that counts what reaches it and answers as it is told: a status, or nothing at all."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.answers: list[int | None] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                peer.seen.append(self.command)
                status = peer.answers.pop(0) if peer.answers else 200
                if status is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.server.shutdown()
    made.server.server_close()


def judge(answer: Response) -> Exception | None:
    return None if answer.status == 200 else Retriable("peer", f"status {answer.status}")


def http(url: str, **more: Any) -> Http:
    return Http("peer", url, wait=lambda _: None, **more)


def test_a_lost_answer_leaves_a_write_in_doubt_and_is_one_attempt(peer: Peer) -> None:
    peer.answers = [None]
    with pytest.raises(InDoubt, match="may have been executed"):
        http(peer.url).request("POST", "/x", body=b"{}", write=True)
    assert peer.seen == ["POST"]


def test_a_lost_answer_to_a_read_may_be_asked_for_again(peer: Peer) -> None:
    peer.answers = [None, 503, 200]
    client = http(peer.url)
    assert client.read_retrying(lambda: client.request("GET", "/x", write=False), judge).status == 200
    assert peer.seen == ["GET"] * 3


def test_reads_are_given_up_after_a_bounded_number_of_attempts(peer: Peer) -> None:
    peer.answers = [503] * 50
    client = http(peer.url)
    with pytest.raises(Fatal, match="peer: gave up after 5 attempts"):
        client.read_retrying(lambda: client.request("GET", "/x", write=False), judge)
    assert len(peer.seen) == 5


def test_what_could_not_be_sent_is_retriable_also_for_a_write() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Retriable, match="nothing was sent"):
        http(closed).request("POST", "/x", body=b"{}", write=True)


def test_a_write_whose_time_to_start_has_passed_is_not_sent_and_a_read_is(peer: Peer) -> None:
    client = http(peer.url)
    with writes_start_only_while(lambda: False):
        assert client.request("GET", "/x", write=False).status == 200
        with pytest.raises(Retriable, match="not sent"):
            client.request("POST", "/x", body=b"{}", write=True)
    assert peer.seen == ["GET"]


def test_once_a_send_has_begun_its_other_writes_follow(peer: Peer) -> None:
    client, left = http(peer.url), [True]
    with writes_start_only_while(lambda: left.pop() if left else False):
        client.request("POST", "/x", body=b"{}", write=True)
        client.request("POST", "/y", body=b"{}", write=True)
    client.request("POST", "/z", body=b"{}", write=True)
    assert peer.seen == ["POST"] * 3


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Thu, 15 Oct 2026 06:00:30 GMT", 30.0), ("soon", 1.0)])
def test_retry_after_in_seconds_as_a_date_and_as_nonsense(header: str, seconds: float) -> None:
    now = datetime(2026, 10, 15, 6, tzinfo=UTC)
    assert Response(429, {"Retry-After": header}, b"").retry_after(now) == seconds


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abc.def",
        'oauth_signature="abc.def"',
        "password=abc.def",
        '{"token": "abc.def"}',
        "to a@abc.def",
    ],
)
def test_secrets_and_addresses_are_redacted(secret: str) -> None:
    assert "abc.def" not in redact(f"failed with {secret} at noon")
    assert redact(f"failed with {secret} at noon").startswith("failed with")
