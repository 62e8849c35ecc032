"""Audits raw CLIP, plain training and `streams` side by side on puppets, and writes one page.

    python examples/audit_side_by_side.py --work /tmp/puppets --page examples/audit.html

Both adapters are trained on the same videos, in which 19 of 20 puppets do what is usual where they are; the
audit's own puppets are others, half of which stand elsewhere once more. What is there already in the work
folder is taken up, so a killed run goes on.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import zeroshot
from zeroshot.auditing.report import SubjectReport, document
from zeroshot.reports.document import Pictures
from zeroshot.reports.html import page
from zeroshot.synthetic.dataset import TABLE, write_puppet_videos
from zeroshot.synthetic.world import View
from zeroshot.training.config import TrainingConfig
from zeroshot.training.methods.table import METHODS
from zeroshot.training.prepare import Preparation

RAW = "raw CLIP"
TRAINED = ("plain", "streams")
NUM_PICTURES = 3
VIEW = View(num_frames=16, size=(64, 64), fps=8.0)


def train(name: str, backbone: str, seed: int) -> None:
    """A checkpoint of that name in the working folder, trained by the method of that name."""
    method = METHODS[name]
    zeroshot.train(
        str(Path("videos") / TABLE),
        name,
        backbone,
        config=TrainingConfig.from_dict({"seed": seed}, method),
        preparation=Preparation(scenes="guess", mirrored=method.mirrored, swapped=method.swapped),
        device="cpu",
    )


def with_few_pictures(model: SubjectReport) -> SubjectReport:
    """The same findings with the first frames of each alone, so that the page stays small."""
    findings = {
        name: replace(
            found,
            charts=tuple(
                Pictures(each.pictures[:NUM_PICTURES]) if isinstance(each, Pictures) else each
                for each in found.charts
            ),
        )
        for name, found in model.findings.items()
    }
    return replace(model, findings=findings)


def main() -> None:
    """Write videos, train twice, audit three models, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for videos, tokens and checkpoints")
    parser.add_argument("--page", type=Path, required=True, help="the page that is written")
    parser.add_argument("--backbone", default="puppet-tiny")
    parser.add_argument("--videos", type=int, default=640)
    parser.add_argument("--coupling", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--probes", nargs="*", default=(), help="all but attack unless told")
    options = parser.parse_args()
    target = options.page.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    os.chdir(options.work)  # so that the page names no folder of this machine
    for _ in write_puppet_videos(
        "videos", options.videos, coupling=options.coupling, seed=options.seed, view=VIEW
    ):
        pass
    for name in TRAINED:
        train(name, options.backbone, options.seed)
    with zeroshot.load_model(options.backbone, device="cpu", stream="clip") as raw:
        settings = zeroshot.AuditSettings(tuple(options.probes), device="cpu", tell=print)
        report = zeroshot.audit([raw, *TRAINED], settings=settings)
    few = [with_few_pictures(model) for model in report.models]
    named = (replace(few[0], name=RAW), *few[1:])
    text = page(document(replace(report, models=named)))
    target.write_text(text, encoding="utf-8")
    for model in named:
        print(f"{model.name}:", *model.verdicts, sep="\n  ")
    print(f"{target.name}: {len(text.encode()) // 1000} kB")


if __name__ == "__main__":
    main()
