"""A report's three files: report.json, report.md and report.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.reports.html import page
from zeroshot.reports.markdown import markdown
from zeroshot.store.files import write_whole
from zeroshot.store.folder import Layout

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from zeroshot.reports.document import Document


CACHE = "embeddings"
"""What a run may keep beside its report, and has begun with."""

LAYOUT = Layout("report", ("report.json",), r"report\.(?:json|md|html)", beside=(CACHE,))
"""Of a report's folder: it holds nothing that is somebody else's."""


def report_folders(
    output: str | os.PathLike[str] | None, cache: str | None, rows: Sequence[str] = ()
) -> tuple[str | None, list[tuple[str | os.PathLike[str], Layout | None]]]:
    """Where embeddings are kept, and what is written, each with what it may hold; None: anything.

    Args:
        output: of the report; None writes none.
        cache: as it was asked for; None: in the output.
        rows: names of folders in the output, each with a report of its own.
    """
    kept = cache or (None if output is None else str(Path(output) / CACHE))
    own = replace(LAYOUT, beside=(*LAYOUT.beside, *rows))
    return kept, [(each, kind) for each, kind in ((output, own), (kept, None)) if each is not None]


def json_text(contents: Any, indent: str = "") -> str:  # noqa: ANN401 - whatever JSON holds
    """JSON with an entry a line, but numbers of one list on one: answers to videos are a line each."""
    pairs = isinstance(contents, Mapping)
    if not contents or not (pairs or isinstance(contents, list | tuple)) or _are_numbers(contents):
        return json.dumps(contents, ensure_ascii=False)
    deeper = f"{indent} "
    if pairs:
        lines = [
            f"{json.dumps(str(name), ensure_ascii=False)}: {json_text(each, deeper)}"
            for name, each in contents.items()
        ]
    else:
        lines = [json_text(each, deeper) for each in contents]
    opening, closing = "{}" if pairs else "[]"
    inside = f",\n{deeper}".join(lines)
    return f"{opening}\n{deeper}{inside}\n{indent}{closing}"


def _are_numbers(contents: object) -> bool:
    """Whether something is a list of numbers."""
    return isinstance(contents, list | tuple) and all(isinstance(each, int | float) for each in contents)


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
        "report.json": json_text(contents) + "\n",
        "report.md": markdown(document),
        "report.html": page(document),
    }
    for name, text in files.items():
        write_whole(Path(folder) / name, text.encode("utf-8", "surrogateescape"))
