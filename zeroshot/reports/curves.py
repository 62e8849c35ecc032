"""Curves of a training run as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from zeroshot.reports.colours import MODELS, STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def training_curves(history: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG with three panels over epochs: losses by name, dependence between the streams, held-out accuracy.

    Args:
        history: one mapping an epoch with `epoch`, `losses` and `metrics`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), dpi=110, layout="constrained")
    losses, dependence, accuracy = figure.subplots(1, 3)
    for panel in (losses, dependence):
        panel.set_prop_cycle(color=2 * MODELS, linestyle=["-"] * len(MODELS) + ["--"] * len(MODELS))
    epochs = [record["epoch"] for record in history]
    for name in history[0]["losses"] if history else ():
        losses.plot(epochs, [record["losses"].get(name) for record in history], label=name)
    losses.set(title="losses", xlabel="epoch", yscale="symlog")
    looked = [record for record in history if record["metrics"]]
    places = [record["epoch"] for record in looked]
    if looked and "nhsic" in looked[-1]["metrics"]:
        dependence.plot(places, [record["metrics"]["nhsic"] for record in looked], label="held-out")
    if history and "independence" in history[-1]["losses"]:
        dependence.plot(epochs, [record["losses"]["independence"] for record in history], label="training")
    dependence.axhline(0, color="grey", linewidth=0.8)
    dependence.set(title="normalized HSIC between the streams", xlabel="epoch")
    for stream in ("static", "dynamic", "fused"):
        for name, style in (("accuracy", "-"), ("balanced", "--"), ("novel", ":")):
            key = f"{stream}_{name}"
            if looked and key in looked[-1]["metrics"]:
                values = [100 * record["metrics"][key] for record in looked]
                accuracy.plot(places, values, style, color=STREAMS[stream], label=f"{stream} {name}")
    accuracy.set(title="held-out videos, % right", xlabel="epoch", ylim=(-2, 102))
    for panel in (losses, dependence, accuracy):
        if panel.get_legend_handles_labels()[0]:
            # Below its panel: over the curves it would hide some.
            panel.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)
        panel.grid(alpha=0.3)
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    return picture.getvalue()
