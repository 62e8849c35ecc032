"""Who may ask the page for what, by an application that answers to all."""

from __future__ import annotations

import asyncio
import base64

import pytest

from zeroshot.app import page_guard
from zeroshot.app.page_guard import Guard, Rules

HOME = {"host": "127.0.0.1:7860"}


async def echo(scope, receive, send):
    """Reads everything, and answers with how much it was."""
    from starlette.requests import ClientDisconnect

    number = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        number += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY")]})
    await send({"type": "http.response.body", "body": str(number).encode()})


def ask(
    path: str = "/", headers: dict[str, str] = HOME, login: str | None = None, body=(b"",), most: int = 100
):
    """(status, headers, body) of an answer."""
    pieces, said = list(body), []

    async def receive():
        if not pieces:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces) or body == SLOW}

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(Guard(echo, Rules(most, login))(scope, receive, send))
    return said[0]["status"], {k.decode(): v.decode() for k, v in said[0]["headers"]}, said[1]["body"]


SLOW = (b"a",)


def test_the_page_itself_is_let_through_with_headers_that_keep_it_here():
    status, headers, body = ask()
    assert (status, body) == (200, b"0")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=http://example.org/a",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd", "/gradio_api/proxy=https://example.org", "/gradio_api/run/predict",
        "/gradio_api/vibe-edit", "/monitoring", "/clips/../x", "/docs", "/gradio_api/call/look",
        "/assets/../file=x", "/clips/",
    ],
)  # fmt: skip
def test_what_the_page_never_asks_for_is_not_there(path):
    assert ask(path)[0] == 404


@pytest.mark.parametrize(
    "path", ["/clips/Ab_-9", "/report", "/assets/index-D.js", "/gradio_api/upload", "/gradio_api/queue/join"]
)
def test_what_it_asks_for_is(path):
    assert ask(path)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7860", "", "[::2]:1"])
def test_names_of_others_are_refused_where_nobody_is_asked_who_they_are(host):
    assert ask(headers={"host": host})[0] == 403


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:7860"])
def test_names_of_this_machine_are_let_through(host):
    assert ask(headers={"host": host})[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://["])
def test_pages_of_others_may_not_ask(origin):
    assert ask(headers={**HOME, "origin": origin})[0] == 403
    assert ask(headers={**HOME, "origin": "http://127.0.0.1:7860"})[0] == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 401),
        ("Basic " + base64.b64encode(b"me:wrong").decode(), 401),
        ("Basic ???", 401),
        ("Bearer " + base64.b64encode(b"me:right").decode(), 401),
        ("Basic " + base64.b64encode(b"me:right").decode(), 200),
    ],
)
def test_where_there_is_a_password_it_is_asked_for(header, status):
    given, headers, _ = ask(headers={"host": "elsewhere", "authorization": header}, login="me:right")
    assert given == status
    assert ("www-authenticate" in headers) is (status == 401)


def test_uploads_are_bounded_by_what_they_say_and_by_what_comes():
    assert ask(headers={**HOME, "content-length": "101"})[0] == 413
    assert ask(headers={**HOME, "content-length": "-1"})[0] == 413
    assert ask(body=(b"a" * 60, b"b" * 60))[0] == 413
    assert ask(body=(b"a" * 60, b"b" * 40))[::2] == (200, b"100")


def test_who_sends_nothing_more_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(page_guard, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(page_guard, "_DRAIN_SECONDS", 0.05)
    assert ask(body=SLOW)[0] == 408


def test_other_connections_are_not_taken():
    said = []

    async def send(message):
        said.append(message)

    asyncio.run(Guard(echo, Rules(1))({"type": "websocket"}, None, send))
    assert said == []
