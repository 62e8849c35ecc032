"""A report's three files: report.json, report.md and report.html."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


JSON_FILE, MARKDOWN_FILE, PAGE_FILE = "report.json", "report.md", "report.html"


def write_three(
    folder: str | os.PathLike[str], contents: Mapping[str, Any], markdown: str, page: str
) -> None:
    """Any report's three files; names of files that are no text keep their bytes.

    Args:
        folder: made where it is missing.
        contents: of `report.json`.
        markdown: `report.md`.
        page: `report.html`.

    Raises:
        OutputError: they cannot be written there.
    """
    text = json.dumps(contents, indent=1, ensure_ascii=False) + "\n"
    for name, content in ((JSON_FILE, text), (MARKDOWN_FILE, markdown), (PAGE_FILE, page)):
        write_whole(Path(folder) / name, content.encode("utf-8", "surrogateescape"))
