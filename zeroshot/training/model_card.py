"""What a finished run leaves in its folder for people: provenance, a model card and a log."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from zeroshot.reports.document import Document, Note, Section, Table
from zeroshot.reports.markdown import markdown
from zeroshot.reports.schema import head
from zeroshot.store.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from zeroshot.reports.document import Part
    from zeroshot.training.history import EpochRecord, Fitted
    from zeroshot.training.prepare import Material

LOG = "log.csv"
CARD = "README.md"
PROVENANCE = "training.json"
PICTURE = "training.png"


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
    contents = {**head("training"), **facts}
    write_whole(folder / PROVENANCE, (json.dumps(contents, indent=2, ensure_ascii=False) + "\n").encode())


def write_card(
    folder: Path, fitted: Fitted, material: Material, backbone: str, method: dict[str, Any]
) -> None:
    """`README.md`: what the checkpoint is, for people."""
    write_whole(folder / CARD, markdown(card(folder.name, fitted, material, backbone, method)).encode())


def card(title: str, fitted: Fitted, material: Material, backbone: str, method: dict[str, Any]) -> Document:
    """What a checkpoint is, how it was trained and how good it is.

    Args:
        title: name of its folder.
        fitted: the adapter and its epochs.
        material: what it was trained on.
        backbone: name of the network below.
        method: of `method_facts`.
    """
    train, adapter, epoch = material.train, fitted.adapter, fitted.best_epoch
    metrics, streams = fitted.history[epoch - 1].metrics, ("static", "dynamic", "fused")
    excess = adapter.fused_excess
    names = [name for name in ("accuracy", "balanced", "novel") if f"fused_{name}" in metrics]
    rows = [(name, *(f"{metrics[f'{stream}_{name}']:.1%}" for stream in streams)) for name in names]
    facts = {
        "trained on": f"{len(train)} videos of {len(set(train.labels))} labels ({material.name})",
        "method": f"{method['name']}: {method['citation']}",
        **({"of it ours": method["ours"]} if method["ours"] else {}),
        **({"settings of its own": ", ".join(method["changed"])} if method["changed"] else {}),
        "chosen on": f"{len(material.held_out)} held-out videos, epoch {epoch} of {len(fitted.history)}",
        "fused weight": f"{float(adapter.fused_weight):g}",
        **({} if excess is None else {"excess over the least weight": f"{float(excess):.3g}"}),
        "parameters": f"{adapter.num_parameters():,}",
    }
    if material.derived:
        shown = ", ".join(f"{label} ({how})" for label, how in sorted(material.derived.items()))
        facts["derived labels, which have no videos of their own"] = shown
    nhsic = f"{metrics['nhsic']:.3f}" if "nhsic" in metrics else "not measured"
    parts: list[Part] = [
        Note(
            f"A two-stream adapter for [{backbone}]: it reads {adapter.config.num_frames} frames of a video "
            "as that network's frozen tokens and answers with a vector in the same space as its texts."
        ),
        Note(f'zeroshot classify VIDEO --model {title} --labels "a, b, c"', "code"),
        Table(("", ""), [*facts.items()]),
        Note(
            "Figures on the held-out videos, which chose the epoch and the fused weight, so they flatter "
            "a little:"
        ),
        Table(("", *streams), rows or [("none held out", "", "", "")]),
        Note(
            f"Dependence between the streams there (normalized HSIC): {nhsic}. `{PROVENANCE}` has every "
            "setting, every epoch and the labels that were trained on; they are no longer unseen ones."
        ),
    ]
    return Document(title, [Section("", parts)])
