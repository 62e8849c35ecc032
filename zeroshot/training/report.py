"""What a finished run leaves in its folder: provenance, a card, a log and a picture."""

from __future__ import annotations

import csv
import io
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import torch

from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from zeroshot.training.history import EpochRecord, Fitted
    from zeroshot.training.prepare import Material

LOG = "log.csv"
CARD = "README.md"
PROVENANCE = "training.json"
PICTURE = "training.png"

_CARD = """# {title}

A two-stream adapter for [{backbone}]: it reads {frames} frames of a video as that network's frozen tokens and
answers with a vector in the same space as its texts.

    zeroshot classify VIDEO --model {title} --labels "a, b, c"

| | |
|---|---|
| trained on | {videos} videos of {labels} labels ({split}) |
| chosen on | {held_out} held-out videos, epoch {epoch} of {epochs} |
| fused weight | {weight:g} |
| parameters | {parameters:,} |

Figures on the held-out videos, which chose the epoch and the fused weight, so they flatter a little:

| | static | dynamic | fused |
|---|---|---|---|
{table}

Dependence between the streams there (normalized HSIC): {nhsic}. `{provenance}` has every setting, every epoch
and the labels that were trained on; they are no longer unseen ones.
"""


def write_log(folder: Path, history: Sequence[EpochRecord]) -> None:
    """`log.csv`: a row an epoch, a column each loss and metric."""
    rows = [
        {
            "epoch": record.epoch,
            "step": record.step,
            "learning_rate": record.learning_rate,
            **{f"loss_{name}": value for name, value in record.losses.items()},
            "fused_weight": record.fused_weight,
            **record.metrics,
        }
        for record in history
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / LOG, text.getvalue().encode())


def write_provenance(folder: Path, facts: dict[str, Any]) -> None:
    """`training.json`."""
    write_whole(folder / PROVENANCE, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def write_card(folder: Path, fitted: Fitted, material: Material, backbone: str) -> None:
    """`README.md`: what the checkpoint is, for people."""
    chosen = fitted.history[fitted.best_epoch - 1]
    metrics = chosen.metrics
    names = [name for name in ("accuracy", "balanced", "novel") if f"fused_{name}" in metrics]
    streams = ("static", "dynamic", "fused")
    lines = [
        "| " + " | ".join([name, *(f"{metrics[f'{stream}_{name}']:.1%}" for stream in streams)]) + " |"
        for name in names
    ]
    text = _CARD.format(
        title=folder.name,
        backbone=backbone,
        frames=fitted.adapter.config.num_frames,
        videos=len(material.train),
        labels=len(set(material.train.labels)),
        split=material.name,
        held_out=len(material.held_out),
        epoch=fitted.best_epoch,
        epochs=len(fitted.history),
        weight=float(fitted.adapter.fused_weight),
        parameters=fitted.adapter.num_parameters(),
        table="\n".join(lines) or "| none held out | | | |",
        nhsic=f"{metrics['nhsic']:.3f}" if "nhsic" in metrics else "not measured",
        provenance=PROVENANCE,
    )
    write_whole(folder / CARD, text.encode())


def versions() -> dict[str, str]:
    """Versions of what computes."""
    found = {"python": platform.python_version(), "torch": str(torch.__version__)}
    for name in ("zeroshot", "accelerate", "numpy", "open_clip_torch", "transformers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source tree"
    return found
