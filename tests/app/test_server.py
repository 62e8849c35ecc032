"""A server that listens: clients that dawdle, and its end.

Covers: app/connection, app/graceful.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.request
from typing import NamedTuple

import pytest
from served_process import post, started

import zeroshot
from zeroshot.app import connection
from zeroshot.app.graceful import GracefulServer
from zeroshot.app.server import listening as bound_socket


class Listening(NamedTuple):
    """A server, and where."""

    port: int
    server: GracefulServer


@pytest.fixture
def listening(classifier, served, monkeypatch):
    """A server in a thread of this process, which gives a request's headers half a second."""
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.5)
    app = zeroshot.asgi_app(classifier, zeroshot.Serving(folders=[served], port=0))
    ready, sock = threading.Event(), bound_socket("127.0.0.1", app.desk.settings.port)
    server = GracefulServer(app, lambda _: ready.set())
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    assert ready.wait(20)
    yield Listening(sock.getsockname()[1], server)
    app.desk.is_stopping = True
    thread.join(20)
    sock.close()
    assert not thread.is_alive()


def received(port: int, *pieces: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while more := client.recv(65_536):
            answer += more
        return answer


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((), b"408"),
        ((b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ",), b"408"),
        ((b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET /hea"), b"408"),
        ((b"no http at all\r\n\r\n",), b"400"),
        ((b"GET /health HTTP/1.1\r\nx: " + b"y" * 40_000,), b"400"),
    ],
)
def test_who_says_nothing_or_nonsense_is_told_and_let_go(listening, pieces, status):
    answer = received(listening.port, *pieces)
    assert status in answer.rpartition(b"HTTP/1.1 ")[2][:3]
    assert list(json.loads(answer.rpartition(b"\r\n\r\n")[2])) == ["error"]


def test_too_many_connections_are_sent_away(listening, monkeypatch):
    monkeypatch.setattr(connection, "_MOST_CONNECTIONS", 1)
    with socket.create_connection(("127.0.0.1", listening.port), timeout=20):
        assert b"503" in received(listening.port)


def test_a_body_that_stops_coming_is_told_and_let_go(listening, monkeypatch):
    monkeypatch.setattr("zeroshot.app.guard._IDLE_SECONDS", 0.3)
    head = b"POST /classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    answer = received(listening.port, head + b"content-length: 50\r\n\r\n{")
    assert b" 408 " in answer.splitlines()[0]
    assert b"nothing came" in answer


def test_told_to_end_it_finishes_what_it_is_at_and_takes_nothing_new(listening):
    address, answers = f"http://127.0.0.1:{listening.port}", []
    question = {"video": "waving.mp4", "window_seconds": 0.1}
    asking = threading.Thread(target=lambda: answers.append(post(address, "/timeline", question)))
    asking.start()
    desk, server = listening.server._desk, listening.server
    while not desk.waiting:
        time.sleep(0.01)
    server.handle_exit(signal.SIGTERM, None)
    assert post(address, "/classify", {"video": "waving.mp4"})[0] == 503
    asking.join()
    assert answers[0][0] == 200, answers


@pytest.mark.slow
def test_sigterm_lets_it_finish_what_it_is_at():
    with started("--labels", "puppet_actions") as (process, address):
        answers = []
        question = {"video": "waving_beach.mp4", "window_seconds": 0.1, "stride_seconds": 0.1}
        asking = threading.Thread(target=lambda: answers.append(post(address, "/timeline", question)))
        asking.start()
        while json.load(urllib.request.urlopen(f"{address}/health", timeout=60))["waiting"] == 0:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert process.wait(60) == 0
        assert answers[0][0] == 200, answers
        assert len(answers[0][1]["segments"]) > 5
        assert process.stderr.read().decode() == "zeroshot: stopped\n"


def test_an_address_that_is_taken_is_one_line(classifier):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = zeroshot.Serving(port=taken.getsockname()[1])
        with pytest.raises(zeroshot.errors.OptionError, match="address already in use; choose another"):
            zeroshot.serve(classifier, settings)
