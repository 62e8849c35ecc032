"""A report as the three files of its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.evaluation.markdown import markdown_of
from zeroshot.evaluation.page import page_of
from zeroshot.files import write_whole

if TYPE_CHECKING:
    import os

    from zeroshot.evaluation.report import Report

JSON_FILE, MARKDOWN_FILE, PAGE_FILE = "report.json", "report.md", "report.html"


def write_report(report: Report, folder: str | os.PathLike[str]) -> None:
    """`report.json`, `report.md` and `report.html` in `folder`, each whole.

    Raises:
        OutputError: they cannot be written there.
    """
    target = Path(folder)
    text = json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n"
    write_whole(target / JSON_FILE, text.encode("utf-8", "surrogateescape"))
    write_whole(target / MARKDOWN_FILE, markdown_of(report).encode("utf-8", "surrogateescape"))
    write_whole(target / PAGE_FILE, page_of(report).encode("utf-8", "surrogateescape"))
