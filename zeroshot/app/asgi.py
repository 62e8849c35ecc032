"""The server as an ASGI app: addresses of questions, what is read of them, and what is sent back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.routing import Route, Router

from zeroshot.app.bodies import read_question
from zeroshot.app.desk import Desk
from zeroshot.app.guard import Guard, reply_of
from zeroshot.app.openapi import description
from zeroshot.app.questions import (
    ToClassify,
    ToEmbed,
    ToSearch,
    ToTimeline,
    UploadToClassify,
    UploadToEmbed,
    UploadToTimeline,
)
from zeroshot.app.refusal import Refusal
from zeroshot.app.tools import mcp_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping

    from starlette.requests import Request

    from zeroshot.app.guard import App, Receive, Scope, Send
    from zeroshot.app.questions import Question
    from zeroshot.app.settings import Serving
    from zeroshot.classifier import Classifier
    from zeroshot.model.model import Model

    Asked = Callable[..., Awaitable[dict[str, Any]]]
    Endpoint = Callable[[Request], Coroutine[Any, Any, App]]


class ServedApp:
    """An ASGI app that answers questions about videos; mount it, or run it with any ASGI server.

    Where it is mounted in another app, enter `lifespan` in that one's: `/mcp` needs it, and at its end the
    decoding processes end, too.

    Attributes:
        desk: where questions are put.
    """

    def __init__(self, model: Model | Classifier, settings: Serving) -> None:
        """Serve a model, as for `asgi_app`.

        Raises:
            ZeroshotError: a folder of embeddings cannot be searched with this model.
        """
        self.desk = Desk(model, settings)
        tools, running = mcp_app(self.desk)
        self._running = running
        router = Router(_routes(self.desk, tools), redirect_slashes=False, lifespan=self.lifespan)
        self._guard = Guard(router, self.desk.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the whole life of the app."""
        await self._guard(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        """From the first question to the last."""
        try:
            async with self._running():
                yield
        finally:
            await asyncio.to_thread(self.desk.close, 10.0)


def _routes(desk: Desk, tools: App) -> list[Route]:
    asks: dict[str, tuple[type[Question], type[Question] | None, Asked]] = {
        "/classify": (ToClassify, UploadToClassify, desk.classify),
        "/timeline": (ToTimeline, UploadToTimeline, desk.timeline),
        "/embed": (ToEmbed, UploadToEmbed, desk.embed),
        "/search": (ToSearch, None, desk.search),
    }

    async def openapi(request: Request) -> App:
        return _reply(description(desk.settings, request.scope.get("root_path", "")))

    async def labels(_: Request) -> App:
        return _reply(desk.labels())

    async def bundled(request: Request) -> App:
        return _reply(desk.bundled_list(request.path_params["name"]))

    async def health(_: Request) -> App:
        return _reply(desk.health(), 503 if desk.is_stopping else 200)

    async def mcp(_: Request) -> App:
        if desk.is_stopping:
            raise Refusal(503, "the server is stopping; ask another one")
        return tools

    return [
        *(Route(path, _asking(desk, *told), methods=["POST"]) for path, told in asks.items()),
        Route("/openapi.json", openapi),
        Route("/labels", labels),
        Route("/labels/{name}", bundled),
        Route("/health", health),
        Route("/mcp", mcp, methods=["POST"]),
    ]


def _asking(desk: Desk, kind: type[Question], upload_kind: type[Question] | None, ask: Asked) -> Endpoint:
    """What answers questions of one kind."""

    async def endpoint(request: Request) -> App:
        async with desk.question():
            most = desk.settings.most_upload_bytes
            asked, upload = await read_question(request, kind, upload_kind, most)
            try:
                work = ask(asked) if upload is None else ask(asked, upload)
                return _reply(await _unless_gone(request, work))
            finally:
                if upload is not None:
                    upload.close()

    return endpoint


async def _unless_gone(request: Request, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The answer; where the asker leaves meanwhile, the question is taken back."""
    answer = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise Refusal(499, "nobody waits for the answer any more")
        return answer.result()
    finally:
        for each in (answer, gone):
            each.cancel()
        await asyncio.gather(answer, gone, return_exceptions=True)


def _reply(row: Mapping[str, Any], status: int = 200) -> App:
    """What sends a row."""

    async def send_all(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in reply_of(status, row):
            await send(message)

    return send_all
