"""Before any question: whose it is, and whether it comes in time. After it: one JSON line, come what may."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from zeroshot.app.hosts import LOOPBACK, host_of
from zeroshot.app.refusal import Refusal
from zeroshot.errors import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from zeroshot.app.settings import Serving

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger("zeroshot.serve")
_OPEN = "/health"  # what balancers ask, who have no token
_IDLE_SECONDS = 10.0  # without a byte of a body
_DRAINED_BYTES, _DRAINED_SECONDS = (
    1 << 20,
    2.0,
)  # of a body that is not wanted: whoever sends it then reads why


def reply_of(status: int, row: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> list[Message]:
    """An answer as messages: JSON of one line, in ASCII, as paths may hold what is no Unicode."""
    body = json.dumps(row, allow_nan=False).encode("ascii")
    told = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **(headers or {}),
    }
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
    return [
        {"type": "http.response.start", "status": status, "headers": pairs},
        {"type": "http.response.body", "body": body},
    ]


class Guard:
    """Stands before an ASGI app: hosts, origins, tokens, slow bodies, and errors that nobody foresaw."""

    def __init__(self, app: App, settings: Serving) -> None:
        """Stand before `app`."""
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        started = False

        async def told(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        inside = {**scope, "app": self, "starlette.exception_handlers": ({}, {})}  # errors come up to here
        try:
            self._admit(scope)
            await self._app(inside, body.receive, told)
        except Refusal as error:
            refusal = error
        except HTTPException as error:
            words = "there is nothing here" if error.status_code == 404 else error.detail.lower()
            refusal = Refusal(
                error.status_code, f"{words}; /openapi.json says what to ask", error.headers or {}
            )
        except Exception:  # noqa: BLE001 - a defect must not become a page of its own
            _LOG.exception("a defect, at %s", printable(str(scope.get("path", ""))))
            refusal = Refusal(500, "the server made a mistake; its log says which")
        else:
            return
        if started:  # too late for a line
            raise refusal
        close = {} if await body.drained() else {"Connection": "close"}
        for message in reply_of(refusal.status, {"error": refusal.words}, {**refusal.headers, **close}):
            await send(message)

    def _admit(self, scope: Scope) -> None:
        """Refuse whoever may not ask.

        Raises:
            Refusal: a page elsewhere asks, by a name that it made point here, or without the token.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._settings.is_loopback and _name_of(host) not in {*LOOPBACK, self._settings.host}:
            raise Refusal(421, f"the host {host[:60]!r} is not served here; expected 127.0.0.1")
        origin = headers.get(b"origin")
        if origin is not None and host_of(origin) != host:
            raise Refusal(403, "pages of other sites may not ask here")
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if self._settings.token is None or path == _OPEN:
            return
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        fits = hmac.compare_digest(given.strip().encode("utf-8"), self._settings.token.encode("ascii"))
        if kind.lower() != "bearer" or not fits:
            words = "the token is missing, or another one; send it as Authorization: Bearer TOKEN"
            raise Refusal(401, words, {"WWW-Authenticate": "Bearer"})


class _Body:
    """What is still to come of a request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False

    async def receive(self) -> Message:
        """The next message; of a body, within a time.

        Raises:
            Refusal: nothing comes.
        """
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(
                408, f"nothing came for {_IDLE_SECONDS:g} s; send the body without pauses"
            ) from None
        self._is_whole = not message.get("more_body", False)
        return message

    async def drained(self) -> bool:
        """Whether the body is whole once a little more of it has been read."""
        size = 0
        try:
            async with asyncio.timeout(_DRAINED_SECONDS):
                while not self._is_whole and size < _DRAINED_BYTES:
                    size += len((await self.receive()).get("body", b""))
        except (TimeoutError, Refusal):
            return False
        return self._is_whole


def _name_of(host: str) -> str:
    """A Host header without the port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
