"""A report's page: HTML that needs no other file and no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_STYLE = """
:root { --ink: #1c2430; --quiet: #5d6875; --ground: #ffffff; --panel: #f5f7f9; --line: #d9dfe5;
  --warn: #8a3b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ebef; --quiet: #9aa6b2; --ground: #14181d; --panel: #1c2229; --line: #333c46;
    --warn: #ffb27a; }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 36px 24px 72px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 40px 0 10px; }
h3 { font-size: 14px; margin: 18px 0 6px; } p { margin: 6px 0; } .quiet { color: var(--quiet); }
.big { font-size: 40px; font-weight: 650; line-height: 1.1; }
.cards { display: flex; flex-wrap: wrap; gap: 14px; }
.card { background: var(--panel); border-radius: 10px; padding: 14px 18px; min-width: 210px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 7px; }
.warn { border-left: 4px solid var(--warn); padding: 8px 14px; background: var(--panel);
  color: var(--warn); margin: 14px 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .tick, svg .axis { fill: var(--quiet); } svg .tick { font-size: 11px; } svg .small { font-size: 10.5px; }
svg .value { font-variant-numeric: tabular-nums; white-space: pre; } svg .grid { stroke: var(--line); }
svg .chance { stroke: var(--quiet); stroke-dasharray: 4 4; } svg .half { fill: var(--panel); }
svg .ground { fill: var(--panel); } code { font-size: 12px; } li { margin: 2px 0; }
"""


def document(title: str, sections: Iterable[str]) -> str:
    """A whole page of sections of HTML, empty ones left out, in the style of all reports.

    Args:
        title: plain text.
        sections: HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main></body></html>\n"
    )


def html_list(lines: Iterable[str]) -> str:
    """A list of plain texts, escaped."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts, escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
