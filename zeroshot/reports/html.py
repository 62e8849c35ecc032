"""A document as one HTML page that needs no other file and no network."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from zeroshot.reports import svg
from zeroshot.reports.colours import paint
from zeroshot.reports.document import (
    Bars,
    Cards,
    Curves,
    Differences,
    Lanes,
    List,
    Matrix,
    Note,
    Pictures,
    Plane,
    Table,
)
from zeroshot.reports.lanes import lanes
from zeroshot.reports.share_curves import share_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.reports.document import Card, Document, Part, Picture

_STYLE = (
    svg.STYLE
    + """
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
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--warn); }
th[aria-sort] button::after { content: " ↕"; } th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
td { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { max-width: 100%; height: auto; display: block; }
.chart svg { min-width: min(100%, 640px); }
@media (max-width: 700px) { main { padding: 20px 12px 40px; } .chart svg { min-width: 640px; } }
.code { font: 12px ui-monospace, monospace; } li { margin: 2px 0; }
.row { display: flex; flex-wrap: wrap; gap: 12px; margin: 12px 0; }
.matrix { margin: 4px 0 14px; }
.matrix td { height: 18px; min-width: 18px; padding: 0; border: 1px solid var(--ground); }
.matrix th { padding: 2px 4px; border: 0; text-align: right; font-size: 11px; white-space: nowrap; }
.matrix tr:first-child th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
figure { margin: 0; } figcaption { font-size: 12px; }
"""
)

_SORTING = """<script>
for (const button of document.currentScript.previousElementSibling.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, body = head.parentElement.parentElement;
    const column = head.cellIndex, up = head.getAttribute("aria-sort") === "descending";
    const first = body.rows[0], rows = [...body.rows].slice(1);
    const key = row => { const words = row.cells[column].textContent, number = parseFloat(words);
      return Number.isNaN(number) ? [column ? -Infinity : 0, words] : [number, words]; };
    rows.sort((one, other) => { const [a, s] = key(one), [b, t] = key(other);
      return (a < b ? 1 : a > b ? -1 : column ? 0 : t.localeCompare(s)) * (up ? -1 : 1); });
    for (const other of first.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}
</script>"""
"""Sorts the table before it by the numbers, or names, of a column whose head is pressed."""


def page(document: Document) -> str:
    """The whole document, charts and pictures included, in the style of all reports."""
    lines = [f"<h1>{escape(document.title)}</h1>"]
    for section in document.sections:
        if section.parts:
            lines += [f"<h2>{escape(section.heading)}</h2>"] if section.heading else []
            lines += [_element(part) for part in section.parts]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(lines)
        + "\n</main></body></html>\n"
    )


def _element(part: Part) -> str:
    """One part."""
    match part:
        case Note(text, kind, lead):
            style = f' class="{kind}"' if kind else ""
            return f"<p{style}>{escape(f'{lead} {text}' if lead else text)}</p>"
        case List(lines):
            return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
        case Table():
            return _table(part)
        case Cards(cards):
            return _cards(cards)
        case Bars():
            return _caption(part.caption) + _chart(svg.intervals(part))
        case Differences():
            return _caption(part.caption) + _chart(svg.differences(part))
        case Plane():
            return _caption(part.caption) + svg.plane(part)
        case Matrix():
            return _caption(part.caption) + _matrix(part)
        case Lanes():
            return _caption(part.caption) + _chart(lanes(part))
        case Curves():
            return _caption(part.caption) + _chart(share_curves(part))
        case Pictures(pictures):
            return f'<div class="row">{"".join(_picture(each) for each in pictures)}</div>'


def _table(table: Table) -> str:
    tag = '<th aria-sort="none"><button>{}</button></th>' if table.sortable else "<th>{}</th>"
    head = "".join(tag.format(escape(cell)) for cell in table.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    script = _SORTING if table.sortable else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>{script}'


def _cards(cards: Sequence[Card]) -> str:
    """A large number a model."""
    shown = []
    for card in cards:
        dot = f'<span class="dot" style="background:{paint(card.colour)}"></span>'
        words = "<br>".join(escape(line) for line in card.lines)
        shown.append(
            f'<div class="card"><div>{dot}{escape(card.name)}</div>'
            f'<div class="big">{100 * card.estimate.value:.1f} %</div><div class="quiet">{words}</div></div>'
        )
    return f'<div class="cards">{"".join(shown)}</div>'


def _picture(picture: Picture) -> str:
    width, height = picture.size
    content = base64.b64encode(picture.png).decode("ascii")
    return (
        f'<figure style="max-width:{width}px"><img alt="{escape(picture.title)}" width="{width}" '
        f'height="{height}" src="data:image/png;base64,{content}">'
        f'<figcaption>{escape(picture.title)}<br><span class="quiet">{escape(picture.caption)}</span>'
        "</figcaption></figure>"
    )


def _matrix(matrix: Matrix) -> str:
    """Squares, the darker the larger the share."""
    head = "".join(f"<th>{escape(name)}</th>" for name in matrix.answers)
    rows = []
    for (label, videos), counts in zip(matrix.labels, matrix.counts, strict=True):
        cells = [f"<th>{escape(label)}</th>"]
        for answer, count in zip(matrix.answers, counts, strict=True):
            words = escape(f"{label} → {answer}: {count} of {videos}")
            share = 0.12 + 0.88 * count / videos if count else 0
            shade = f"background:{paint(matrix.colour)};opacity:{share:.2f}"
            cells.append(f'<td title="{words}" style="{shade}"></td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table class="matrix"><tr><td></td>{head}</tr>{"".join(rows)}</table></div>'


def _chart(drawn: str) -> str:
    """A chart that a narrow screen moves sideways, before its letters are too small to be read."""
    return f'<div class="scroll chart">{drawn}</div>'


def _caption(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>' if text else ""
