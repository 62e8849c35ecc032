"""The command line in this process, for every test of it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from zeroshot.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command in this process: (exit status, stdout, stderr)."""

    def call(*words: str | Path, stdin: object = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zeroshot", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call
