"""A server that ends without losing an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn

from zeroshot.app.connection import Connection
from zeroshot.app.hosts import address_at

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from zeroshot.app.asgi import ServedApp

_MOST_HEADER_BYTES = 32 << 10
_CLOSING_SECONDS = 5  # for connections, once no question is left


class GracefulServer(uvicorn.Server):
    """On the first signal it goes on answering, with 503, until what runs is finished; a second ends it."""

    def __init__(self, app: ServedApp, ready: Callable[[str], None]) -> None:
        """Serve an app.

        Args:
            app: whose desk tells how many questions are left.
            ready: called with the address once questions are taken.
        """
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="on",
                access_log=False,
                log_level="warning",
                server_header=False,
                h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
                timeout_graceful_shutdown=_CLOSING_SECONDS,
            )
        )
        self._desk = app.desk
        self._ready = ready
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        for each in sockets or []:
            host, port = each.getsockname()[:2]
            self._ready(address_at(host, port))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signals call it
        """A signal came."""
        if self._desk.is_stopping:
            self.should_exit = self.force_exit = True
        self._desk.is_stopping = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        if await super().on_tick(counter):
            return True
        if not self._desk.is_stopping:
            return False
        now = asyncio.get_running_loop().time()
        self._end = now + self._desk.settings.time_limit_seconds + 1 if self._end is None else self._end
        return self._desk.waiting == 0 or now > self._end
