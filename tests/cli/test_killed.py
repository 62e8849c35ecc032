"""Every verb that fills a folder, killed at any moment: the same command goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from writing_verbs import VERBS, assert_clean, command, contents, quiet, words_of, write_table

if TYPE_CHECKING:
    from pathlib import Path

# Quick tests of their own rooms break them off as well, and kill the table of embeddings.
pytestmark = pytest.mark.slow
CASES = [(verb, 12) for verb in VERBS]


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Path:
    return write_table(tmp_path_factory.mktemp("split") / "videos.csv")


def killed(words: list[str], output: Path, wait) -> bool:
    """Whether a run was killed before it ended, some time after it began to write."""
    process = subprocess.Popen(words, env=quiet(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not any(output.parent.glob(f"*{output.name}*")):
        time.sleep(0.0005)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("verb", "kills"), CASES)
@pytest.mark.timeout(600)
def test_killed_at_any_moment_the_same_command_goes_on(verb, kills, split, tmp_path, run):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    status, _, err = run(*words_of(verb, split, tmp_path / "whole" / "out"))
    assert status == 0, err
    words, output = command(verb, split, tmp_path / "broken" / "out"), tmp_path / "broken" / "out"
    draw, hits = random.Random(f"{verb} {kills}"), 0
    for number in range(kills):
        hits += killed(words, output, 0 if number == 0 else draw.uniform(0, 1.5))
    assert hits >= 1
    status, _, err = run(*words_of(verb, split, output))
    assert status == 0, err
    assert_clean(output)
    assert contents(verb, output) == contents(verb, tmp_path / "whole" / "out")
