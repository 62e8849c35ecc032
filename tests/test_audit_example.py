"""The example page of an audit: small, of no machine, and what its script writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_the_committed_page_is_small_and_names_no_folder_of_a_machine():
    page = EXAMPLES / "audit.html"
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size <= 300_000
    assert not re.search(r"(?<![\w<])/(?:root|tmp|home|work|Users|var)/", text)
    for words in ("Audit of raw CLIP, plain, streams", "What the answers lean on", "S static"):
        assert words in text


@pytest.mark.slow
def test_its_script_trains_and_audits(tmp_path):
    command = [
        sys.executable, str(EXAMPLES / "audit_side_by_side.py"), "--work", str(tmp_path / "work"),
        "--page", str(tmp_path / "page.html"), "--videos", "64", "--probes", "order", "swap",
    ]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "raw CLIP:" in out
    assert "page.html:" in out
    assert str(tmp_path) not in (tmp_path / "page.html").read_text(encoding="utf-8")
