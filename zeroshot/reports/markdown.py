"""A document as Markdown: what a person pastes into a note or an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.reports.document import List, Note, Table

if TYPE_CHECKING:
    from zeroshot.reports.document import Document, Part


def markdown(document: Document) -> str:
    """The whole document; charts and pictures are left out, and sections of nothing else with them."""
    blocks = [f"# {document.title}"]
    for section in document.sections:
        parts = [text for part in section.parts if (text := _block(part))]
        if parts and section.heading:
            blocks.append(f"## {section.heading}")
        blocks += parts
    return "\n\n".join(blocks) + "\n"


def _block(part: Part) -> str:
    """One part, or nothing where it is to be looked at."""
    match part:
        case Note(text, "code"):
            return f"    {text}"
        case Note(text, _, lead):
            return f"**{lead}** {text}" if lead else text
        case List(lines):
            return "\n".join(f"* {line}" for line in lines)
        case Table(header, rows):
            grid = [header, ["---"] * len(header), *rows]
            return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in grid)
        case _:
            return ""


def _cell(text: str) -> str:
    """What would end a cell is escaped."""
    return text.replace("|", "\\|")
