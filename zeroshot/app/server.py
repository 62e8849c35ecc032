"""`serve`: answers over HTTP, or to an MCP client, until told to stop. The verb behind `zeroshot serve`."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from zeroshot.app.settings import Serving, require_libraries
from zeroshot.errors import OptionError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.app.asgi import ServedApp
    from zeroshot.classifier import Classifier
    from zeroshot.model.model import Model


def asgi_app(model: Model | Classifier, settings: Serving | None = None) -> ServedApp:
    """An ASGI app that answers questions about videos, as `zeroshot serve` does, for a server of your own.

    Args:
        model: from `load_model`; or from `load`, with the labels that are ranked where a question brings
            none. Nobody else may use it meanwhile.
        settings: what is let in, and how much; None: uploads alone, from this machine.

    Raises:
        OptionError: the libraries of the extra `serve` are not installed.
        ZeroshotError: a folder of embeddings cannot be searched with this model.
    """
    require_libraries()
    from zeroshot.app.asgi import ServedApp

    return ServedApp(model, settings or Serving())


def serve(
    model: Model | Classifier,
    settings: Serving | None = None,
    *,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Answer questions about videos over HTTP until SIGTERM or Ctrl-C: as `zeroshot serve`.

    Then what runs is finished, and new questions are answered with 503 meanwhile; a second signal ends at
    once.

    Args:
        model: from `load_model`; or from `load`, with the labels that are ranked where a question brings
            none.
        settings: what is let in, and how much; None: uploads alone, on 127.0.0.1:8000.
        ready: called with the address once questions are taken.

    Raises:
        OptionError: the address is taken, or not this machine's.
        ZeroshotError: as for `asgi_app`.
    """
    app = asgi_app(model, settings)
    from zeroshot.app.graceful import GracefulServer

    bound = listening(app.desk.settings.host, app.desk.settings.port)
    try:
        GracefulServer(app, ready).run(sockets=[bound])
    finally:
        bound.close()
        app.desk.close(10.0)


def listening(host: str, port: int) -> socket.socket:
    """The socket, bound here so that what is wrong with the address is one line.

    Args:
        host: name or number of this machine.
        port: 0 for any that is free.

    Raises:
        OptionError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        # What Python adds to the system's words holds the address once more.
        reason = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)).lower()
        raise OptionError(
            f"cannot listen on {printable(host)}, port {port}: {reason}; choose another"
        ) from None


def serve_mcp(model: Model | Classifier, settings: Serving | None = None) -> None:
    """Answer an MCP client on stdin and stdout until it leaves: as `zeroshot serve --mcp`.

    Args:
        model: as for `serve`.
        settings: as for `serve`.

    Raises:
        ZeroshotError: as for `asgi_app`.
    """
    require_libraries()
    from zeroshot.app.desk import Desk
    from zeroshot.app.tools import serve_stdio

    desk = Desk(model, settings or Serving())
    try:
        asyncio.run(serve_stdio(desk))
    finally:
        desk.close(10.0)
