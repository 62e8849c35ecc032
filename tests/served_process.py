"""`zeroshot serve` in a process of its own, and questions to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CLIPS = Path(__file__).parents[1] / "examples" / "clips"


@contextmanager
def started(*words: str):
    """The command, and the address that it says."""
    command = [sys.executable, "-m", "zeroshot", "serve", "--port", "0", "--json", "--model", "puppet-tiny"]
    with subprocess.Popen(
        [*command, "--folder", str(CLIPS), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read().decode()
            yield process, json.loads(line)["address"]
        finally:
            process.kill()


def post(address: str, path: str, question: dict) -> tuple[int, dict]:
    request = urllib.request.Request(
        address + path, json.dumps(question).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=100) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
