"""One connection of the server: closed where nothing comes in time, or nobody takes what is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 10.0
"""For the lines above a request's body."""

_READ_SECONDS = 30.0  # for a client to take an answer that waits for it
_MOST_CONNECTIONS = 512  # open, whatever they do


class Connection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with times for what a client does, and errors that are JSON."""

    _waiting: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            self._refuse(503, "too many connections are open; come back later")
            return
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        super().data_received(data)
        self._wait_for_headers()

    def on_response_complete(self) -> None:
        """An answer was sent; another request may come."""
        super().on_response_complete()
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        _cancel(self._waiting)
        _cancel(self._stuck)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        super().pause_writing()
        self._stuck = self.loop.call_later(_READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does."""
        _cancel(self._stuck)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the library's words, which are no JSON
        """What comes is not HTTP."""
        self._refuse(400, "the request is not HTTP that can be read; expected HTTP/1.1")

    def _wait_for_headers(self) -> None:
        """Give the next request's headers a time, once; one that has come ends it."""
        if self.conn.their_state is not h11.IDLE:
            _cancel(self._waiting)
            self._waiting = None
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self._came_too_late)

    def _came_too_late(self) -> None:
        self._refuse(408, f"no request came within {HEADER_SECONDS:g} s; send one at once")

    def _refuse(self, status: int, words: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"error": words}).encode("ascii")
        head = f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
