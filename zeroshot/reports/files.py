"""A report's three files: report.json, report.md and report.html."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.reports.html import page
from zeroshot.reports.markdown import markdown
from zeroshot.store.files import write_whole
from zeroshot.store.folder import Layout

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from zeroshot.reports.document import Document


CACHE = "embeddings"
"""What a run may keep beside its report, and has begun with."""

LAYOUT = Layout("report", ("report.json",), r"report\.(?:json|md|html)", beside=(CACHE,))
"""Of a report's folder: it holds nothing that is somebody else's."""


def write_report(folder: str | os.PathLike[str], contents: Mapping[str, Any], document: Document) -> None:
    """`report.json`, `report.md` and `report.html`, each whole; names of files keep their bytes.

    Args:
        folder: made where it is missing.
        contents: of `report.json`.
        document: of the other two.

    Raises:
        OutputError: they cannot be written there.
    """
    files = {
        "report.json": json.dumps(contents, indent=1, ensure_ascii=False) + "\n",
        "report.md": markdown(document),
        "report.html": page(document),
    }
    for name, text in files.items():
        write_whole(Path(folder) / name, text.encode("utf-8", "surrogateescape"))
