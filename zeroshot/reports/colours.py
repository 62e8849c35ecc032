"""Which colour means what, in every picture: a stream has one, a model another, so none means two things."""

from __future__ import annotations

STREAMS = {"clip": "#6c7a89", "static": "#0b6fb8", "dynamic": "#d1590c", "fused": "#11835f"}
"""Stream → its colour."""
MODELS = ("#a8478c", "#8a6d00", "#6b62d6", "#0e7c86", "#9c6644", "#c14a7a")
"""One a model, where several stand side by side."""
LABELS = ("#0b6fb8", "#d1590c", "#11835f", "#a8478c", "#8a6d00", "#4d4fc9")
"""One a label, where there are labels alone."""


def paint(colour: int | str) -> str:
    """The colour of a stream by its name, grey of any other layer; or of a model by its place.

    All are told apart by people who see colours differently, on light and on dark ground.
    """
    if isinstance(colour, str):
        return STREAMS.get(colour, STREAMS["clip"])
    return MODELS[colour % len(MODELS)]
