"""A ranking as a notebook shows it: the frames looked at, and a bar for each label, all in one piece."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Protocol

from zeroshot.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ranked(Protocol):
    """A label and its share, such as `types.Prediction`."""

    @property
    def label(self) -> str:
        """As given."""

    @property
    def probability(self) -> float:
        """In [0, 1]."""


_HEIGHT_PX = 64
_GREY = "rgba(128,128,128,.18)"
_BLUE = "#3f7fd0"


def ranking_html(
    path: str,
    predictions: Iterable[Ranked],
    thumbnails: Iterable[bytes] = (),
    error: str | None = None,
) -> str:
    """A piece of HTML in the notebook's own colours.

    Args:
        path: above all; nothing where it is empty.
        predictions: best first.
        thumbnails: JPEG files, in time order.
        error: what stopped the video, instead of predictions.
    """
    images = "".join(
        f'<img alt="" style="height:{_HEIGHT_PX}px;border-radius:3px" '
        f'src="data:image/jpeg;base64,{base64.b64encode(image).decode("ascii")}">'
        for image in thumbnails
    )
    strip = (
        f'<div style="display:flex;flex-wrap:wrap;gap:3px;margin:4px 0 6px">{images}</div>' if images else ""
    )
    name = f'<div style="opacity:.7;word-break:break-all">{_text(path)}</div>' if path else ""
    failed = f'<div style="color:#c0392b">{_text(error)}</div>' if error else ""
    rows = "".join(_row(prediction) for prediction in predictions)
    return (
        f'<div style="font:13px/1.5 system-ui,sans-serif;max-width:640px">{name}{strip}{failed}'
        f'<div style="display:grid;grid-template-columns:max-content 1fr max-content;gap:2px 10px">'
        f"{rows}</div>"
        "</div>"
    )


def _row(prediction: Ranked) -> str:
    """Label, bar and share: three cells of the grid."""
    share = f"{100 * min(max(prediction.probability, 0.0), 1.0):.1f}%"
    bar = f'<div style="width:{share};height:100%;background:{_BLUE};border-radius:3px"></div>'
    return (
        f'<div style="max-width:24em;overflow-wrap:anywhere">{_text(prediction.label)}</div>'
        f'<div style="background:{_GREY};border-radius:3px;height:12px;align-self:center">{bar}</div>'
        f'<div style="text-align:right;font-variant-numeric:tabular-nums">{share}</div>'
    )


def _text(text: str) -> str:
    return escape(printable(text))
