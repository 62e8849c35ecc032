"""Who may ask the page for what: nobody from elsewhere, no file by its path, no endless upload."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroshot.app.hosts import LOOPBACK, host_of

if TYPE_CHECKING:
    from zeroshot.app.guard import App, Message, Receive, Scope, Send

# All that the page itself asks for. What else gradio answers, such as files by their paths and addresses that
# it would fetch, is not there.
_ROUTES = re.compile(
    r"(?!.*\.\.)/(?:"
    r"|config|theme\.css|manifest\.json|favicon\.ico|robots\.txt"
    r"|(?:assets|static|svelte)/[\w./@-]+"
    r"|clips/[\w-]+|report"
    r"|gradio_api/(?:info|app_id|token|startup-events|theme\.css|login_check"
    r"|upload|upload_progress|queue/(?:join|data)|heartbeat/\w+|cancel|reset)"
    r")/?"
)
_HEADERS = {
    # Gradio's own page needs scripts inline, and makes functions of text; nothing comes from anywhere else.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_PORT = re.compile(r":\d+$")
_MOST_DRAINED = 64 << 20  # bytes
_DRAIN_SECONDS = 2.0
_PAUSE_SECONDS = 30.0  # in which nothing of an upload comes


@dataclass(frozen=True)
class Rules:
    """What is let through.

    Attributes:
        most_bytes: of one request.
        login: NAME:PASSWORD that is asked for; None: nobody is asked, and the page answers to the names of
            this machine's own loopback alone.
    """

    most_bytes: int
    login: str | None = None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to a host.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    return host.strip("[]").lower() in LOOPBACK


class Guard:
    """Stands before an application and lets through what the rules allow."""

    def __init__(self, served: App, rules: Rules) -> None:
        """Guard `served`."""
        self._served = served
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        from starlette.requests import ClientDisconnect

        if scope["type"] == "lifespan":
            await self._served(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, words = self._refusal(scope["path"], headers)
        if status:
            await _drain(receive)
            await _say(send, status, words)
            return
        body = _Body(receive, self._rules.most_bytes)
        out = _Out(send, body)
        try:
            await self._served(scope, body.receive, out.send)
        except ClientDisconnect:
            if body.refusal is None:
                raise
        if body.refusal is not None and not out.began:
            await _drain(receive)
            await _say(send, *body.refusal)

    def _refusal(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """The status and words with which a request is refused; 0 where it is not."""
        host = headers.get("host", "")
        if self._rules.login is None and not is_loopback(_PORT.sub("", host)):
            return 403, "this page answers to localhost and 127.0.0.1 alone"
        origin = headers.get("origin")
        if origin is not None and host_of(origin) != host:
            return 403, "this page answers to itself alone, not to pages of others"
        if self._rules.login is not None and not _is_let_in(
            headers.get("authorization", ""), self._rules.login
        ):
            return 401, "name and password, please"
        if not _ROUTES.fullmatch(path):
            return 404, "there is nothing here"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._rules.most_bytes:
            return 413, _too_large(self._rules.most_bytes)
        return 0, ""


class _Body:
    """What comes in, counted; the pauses in it are bounded, too.

    Attributes:
        refusal: status and words, once it is too much or does not come: the application is then told that
            nobody is there any more.
    """

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive, self._most, self._number, self._whole = receive, most_bytes, 0, False
        self.refusal: tuple[int, str] | None = None

    async def receive(self) -> Message:
        """The next piece."""
        if self._whole:  # what follows is the end of the connection, for which one may wait for hours
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), _PAUSE_SECONDS)
        except TimeoutError:
            return self._refuse(408, "nothing came for too long")
        self._number += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._number > self._most:
            return self._refuse(413, _too_large(self._most))
        return message

    def _refuse(self, status: int, words: str) -> Message:
        self.refusal, self._whole = (status, words), True
        return {"type": "http.disconnect"}


class _Out:
    """What goes out, with headers that keep a browser at this page; nothing of what is refused."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send, self._body, self.began = send, body, False

    async def send(self, message: Message) -> None:
        """The next piece."""
        if self._body.refusal is not None and not self.began:
            return
        if message["type"] == "http.response.start":
            self.began = True
            there = {name.lower() for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message["headers"], *(each for each in more if each[0] not in there)]
        await self._send(message)


def _is_let_in(header: str, login: str) -> bool:
    """Whether a header of HTTP's basic scheme has name and password."""
    kind, _, coded = header.partition(" ")
    try:
        said = base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return kind.lower() == "basic" and hmac.compare_digest(said, login.encode())


def _too_large(most_bytes: int) -> str:
    return f"that is too large; expected {most_bytes / (1 << 20):.0f} MB at most"


async def _drain(receive: Receive) -> None:
    """Take what still comes of a refused request, within bounds: who is writing reads no answer."""
    number, more = 0, True
    with suppress(TimeoutError):
        while more and number < _MOST_DRAINED:
            message = await asyncio.wait_for(receive(), _DRAIN_SECONDS)
            number += len(message.get("body", b""))
            more = message.get("more_body", False)


async def _say(send: Send, status: int, words: str) -> None:
    """Answer in one line."""
    body = f"{words}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="zeroshot", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
