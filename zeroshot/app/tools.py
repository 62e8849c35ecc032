"""The same questions as tools of an MCP server, for programs that talk to a language model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from zeroshot.app.questions import (
    RankingRow,
    SearchRow,
    TimelineRow,
    ToClassify,
    ToSearch,
    ToTimeline,
    question_of,
)
from zeroshot.app.refusal import Refusal
from zeroshot.resources import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from mcp.server import Server, ServerRequestContext
    from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

    from zeroshot.app.desk import Desk
    from zeroshot.app.guard import App

_KINDS: dict[str, tuple[type[Any], Any, str]] = {
    "classify_video": (
        ToClassify,
        RankingRow,
        "Ranks labels of your choice for a video: which of them shows best what happens in it.",
    ),
    "search_videos": (
        ToSearch,
        SearchRow,
        "Finds the videos, or stretches of videos, that fit words best, among those that were embedded.",
    ),
    "timeline": (
        ToTimeline,
        TimelineRow,
        "Ranks labels of your choice for each stretch of a video: what happens when.",
    ),
}


def mcp_server(desk: Desk) -> Server[Any]:
    """An MCP server whose tools put questions to a desk.

    Args:
        desk: where they are answered.
    """
    from mcp.server import Server
    from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

    asks: dict[str, Callable[[Any], Awaitable[dict[str, Any]]]] = {
        "classify_video": desk.classify,
        "search_videos": desk.search,
        "timeline": desk.timeline,
    }
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=desk.settings.allow_addresses)
    tools = [
        Tool(
            name=name,
            description=words,
            input_schema=TypeAdapter(kind).json_schema(),
            output_schema=TypeAdapter(answer).json_schema(),
            annotations=looks,
        )
        for name, (kind, answer, words) in _KINDS.items()
    ]

    async def list_tools(
        _: ServerRequestContext[Any, Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=tools)

    async def call_tool(_: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
        try:
            if params.name not in asks:
                raise Refusal(404, f"there is no tool {params.name[:60]!r}; expected {', '.join(asks)}")
            async with desk.question():
                asked = question_of(_KINDS[params.name][0], params.arguments or {})
                row = _in_unicode(await asks[params.name](asked))
        except Refusal as refusal:
            words = _in_unicode(refusal.words)
            return CallToolResult(content=[TextContent(text=words)], is_error=True)
        return CallToolResult(content=[TextContent(text=json.dumps(row))], structured_content=row)

    return Server(
        "zeroshot",
        version=VERSION,
        title="zeroshot",
        description="Tells what happens in videos, in words that you choose.",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def mcp_app(desk: Desk) -> tuple[App, Callable[[], AbstractAsyncContextManager[None]]]:
    """The MCP server over HTTP, as an ASGI app, and what it has to run within.

    It keeps no session, so that it answers in JSON and holds no connection; hosts and tokens are `guard`'s.
    """
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    manager = StreamableHTTPSessionManager(mcp_server(desk), json_response=True, stateless=True)
    return manager.handle_request, manager.run


async def serve_stdio(desk: Desk) -> None:
    """The MCP server over stdin and stdout, until stdin ends."""
    from mcp.server.stdio import stdio_server

    server = mcp_server(desk)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _in_unicode(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The same, with what is no Unicode in it spelled out: names of files may be any bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_in_unicode(each) for each in value]
    if isinstance(value, dict):
        return {_in_unicode(name): _in_unicode(each) for name, each in value.items()}
    return value
