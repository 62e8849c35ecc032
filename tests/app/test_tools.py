"""An MCP client sees the tools, and gets what HTTP gives."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import jsonschema
import pytest

import zeroshot
from zeroshot.app.desk import Desk
from zeroshot.app.tools import mcp_server


@pytest.fixture(scope="module")
def desk(classifier, served, archive):
    made = Desk(classifier, zeroshot.Serving(folders=[served], embeddings=[archive]))
    yield made
    made.close()


async def call(desk, *calls: tuple[str, dict]):
    from mcp import Client

    async with Client(mcp_server(desk)) as client:
        return (await client.list_tools()).tools, [await client.call_tool(*each) for each in calls]


def test_tools_answer_as_http_does(desk, asking):
    questions = {
        "classify_video": ("/classify", {"video": "waving.mp4", "labels": ["waving", "kicking"], "k": 1}),
        "timeline": ("/timeline", {"video": "waving.mp4", "window_seconds": 1.0}),
        "search_videos": ("/search", {"query": "a person waving", "k": 2}),
    }
    tools, answers = asyncio.run(call(desk, *((name, asked) for name, (_, asked) in questions.items())))
    assert {tool.name for tool in tools} == set(questions)
    schemas = {tool.name: tool for tool in tools}
    for (name, (path, asked)), answer in zip(questions.items(), answers, strict=True):
        jsonschema.validate(asked, schemas[name].input_schema)
        jsonschema.validate(answer.structured_content, schemas[name].output_schema)
        assert answer.structured_content == json.loads(answer.content[0].text)
        assert answer.structured_content == asking.post(path, json=asked).json()


def test_what_cannot_be_answered_is_one_line(desk):
    wrong = [
        ("classify_video", {"video": "../secret.mp4"}),
        ("classify_video", {"video": "broken.mp4"}),
        ("timeline", {}),
        ("search_videos", {"query": "a", "k": 0}),
        ("juggle", {}),
    ]
    _, answers = asyncio.run(call(desk, *wrong))
    for answer in answers:
        assert answer.is_error
        assert answer.content[0].text
        assert "\n" not in answer.content[0].text


def test_it_is_there_under_mcp_without_a_session(asking):
    accept = {"accept": "application/json, text/event-stream"}
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    names = {
        tool["name"] for tool in asking.post("/mcp", json=listed, headers=accept).json()["result"]["tools"]
    }
    assert names == {"classify_video", "search_videos", "timeline"}
    assert asking.get("/mcp").status_code == 405
    assert asking.post("/mcp", json=listed, headers={**accept, "host": "evil.example"}).status_code == 421


@pytest.mark.slow
def test_a_client_starts_it_and_talks_to_it_over_pipes(served):
    from mcp import Client, StdioServerParameters, stdio_client

    words = ["-m", "zeroshot", "serve", "--mcp", "--model", "puppet-tiny", "--labels", "puppet_actions"]
    started = StdioServerParameters(command=sys.executable, args=[*words, "--folder", str(served)])

    async def ask():
        async with Client(stdio_client(started)) as client:
            return await client.call_tool("classify_video", {"video": "waving.mp4", "k": 1})

    answer = asyncio.run(ask())
    assert answer.structured_content["predictions"][0]["label"] == "waving"


@pytest.mark.slow
def test_it_ends_with_its_client(served):
    command = [sys.executable, "-m", "zeroshot", "serve", "--mcp", "--model", "puppet-tiny"]
    run = subprocess.run(command, check=False, input=b"no json\n", capture_output=True, timeout=100)
    assert run.returncode == 0, run.stderr
    assert all(json.loads(line) for line in run.stdout.splitlines())
