"""Order without training: frame-averaged CLIP and its anchor, with and without stage texts, on puppet videos.

    python benchmarks/stages.py [--seeds 5] [--per-label 10] [--output DIR]

Chooses β of `zeroshot/index/stage_rows.py`: videos of the debiasing benchmark's validation places alone, of
seeds that no other benchmark draws, 32 actions, each person before another video's place. The β with the best
accuracy on the unseen labels counts, CLIP averaged over frames and the anchor (CLIP without the directions in
which scenes differ, as it guesses them in other videos) together. Beside them stands the fused stream of the
bundled adapter, to which no label here is unseen: what it loses by stages. Writes stages.csv and stages.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from debias_report import cell
from debias_world import (
    SCENE_NAMES,
    SEEN,
    UNSEEN,
    VALIDATION_PLACES,
    VIEW,
    Tokens,
    encode,
    place,
    plain_world,
    render_people,
)
from facts import machine_facts
from torch import Tensor

from zeroshot.adapter.adapter import mean_embedding, unit_rows
from zeroshot.checkpoint import load_model
from zeroshot.index.stage_rows import ORDER_WEIGHT
from zeroshot.losses.scene import pseudo_scenes, scene_directions
from zeroshot.model.drift import centered_times, drift, stage_changes
from zeroshot.statistics.intervals import t_interval
from zeroshot.statistics.metrics import correct, pair_outcomes
from zeroshot.text.prompts import make_prompts

HERE = Path(__file__).resolve().parent
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
STREAMS = ("clip", "anchor", "fused")
UNTRAINED = STREAMS[:2]
METRICS = ("seen", "sberr", "unseen", "h", "unseen_order_pairs")
COUPLING = 0.7
FIRST_SEED = 7000
"""Apart from the debiasing benchmark's, which begin at 1000 and 5000."""
WORLD = plain_world(VALIDATION_PLACES, FIRST_SEED)


@dataclass(frozen=True, eq=False)
class Words:
    """What the text encoder makes of labels, their stages and scenes: (K, D), (K, D) and (S, D)."""

    labels: Tensor
    changes: Tensor
    scenes: Tensor
    logit_scale: float


@dataclass(frozen=True, eq=False)
class Videos:
    """n videos of one seed.

    Attributes:
        labels: (n,) rows of the world's labels.
        others: (n,) label of the video whose place is behind.
        answers: stream → (n, D) unit rows.
        drifts: (n, D).
    """

    labels: Tensor
    others: Tensor
    answers: dict[str, Tensor]
    drifts: Tensor


def make_videos(model, words: Words, per_label: int, seed: int) -> Videos:  # noqa: ANN001 - a Model
    """Persons before others' places, and what is read of them; the anchor's directions are others'."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(len(WORLD.labels)).repeat_interleave(per_label)
    people = render_people(WORLD, labels, WORLD.homes[labels], seed)
    seen = (labels < len(SEEN)).nonzero()[:, 0]
    others = seen[torch.randint(len(seen), (len(labels),), generator=generator)]
    tokens = encode(model.backbone, len(labels), lambda row: place(people, row, int(others[row])))
    found = tokens.embeddings
    count = 12 * len(SEEN)
    theirs = torch.arange(count) % len(SEEN)
    training = render_people(WORLD, theirs, WORLD.homes[theirs], seed + 1)
    behind = torch.where(
        torch.rand(count, generator=generator) < COUPLING,
        torch.arange(count),
        torch.randperm(count, generator=generator),
    )
    read = encode(model.backbone, count, lambda row: place(training, row, int(behind[row]))).embeddings
    scenes = pseudo_scenes(read, words.scenes, words.logit_scale)
    directions = scene_directions(mean_embedding(read), scenes)
    base = found.mean(1)
    times = torch.from_numpy(centered_times(np.arange(VIEW.num_frames) / VIEW.fps))
    answers = {
        "clip": mean_embedding(found),
        "anchor": unit_rows(base - (base @ directions.T) @ directions),
        "fused": fused(model, tokens),
    }
    return Videos(labels, labels[others], answers, torch.stack([drift(each, times) for each in found]))


@torch.no_grad()
def fused(model, tokens: Tokens) -> Tensor:  # noqa: ANN001 - a Model
    """(n, D) answers of the model's own adapter, a few videos at a time."""
    pieces = zip(tokens.tokens.split(64), tokens.embeddings.split(64), strict=True)
    return torch.cat([model.adapter(read.float(), embedded).fused for read, embedded in pieces])


def judge(videos: Videos, words: Words, stream: str, weight: float) -> dict[str, float]:
    """Percentages of one stream with β = weight."""
    scores = videos.answers[stream] @ words.labels.T + weight * videos.drifts @ words.changes.T
    known, count = videos.labels < len(SEEN), len(SEEN)
    seen, unseen = scores[known].numpy(), scores[~known].numpy()
    own, theirs = videos.labels[known].numpy(), videos.labels[~known].numpy()
    others = videos.others[known].numpy()
    sides = [correct(seen, own).mean(), correct(unseen, theirs).mean()]
    shares = {
        "seen": correct(seen[:, :count], own).mean(),
        "sberr": correct(seen[:, :count], others)[own != others].mean(),
        "unseen": correct(unseen[:, count:], theirs - count).mean(),
        "h": 2 * sides[0] * sides[1] / max(1e-9, sum(sides)),
        "unseen_order_pairs": pair_outcomes(unseen, theirs, WORLD.rows_of_pairs(UNSEEN)).mean(),
    }
    return {name: 100 * float(share) for name, share in shares.items()}


def read_words(model) -> Words:  # noqa: ANN001 - a Model
    """Labels, the bundled stages of the puppets, and scenes."""
    prompts = make_prompts(WORLD.labels, None, "puppet_actions")
    changes = torch.from_numpy(stage_changes(model.embed_prompts, prompts))
    labels = torch.from_numpy(model.embed_prompts(prompts))
    scenes = torch.from_numpy(model.embed_texts(list(SCENE_NAMES)))
    return Words(labels, changes, scenes, model.logit_scale)


def table(lines: list[tuple[str, float, int, str, float]]) -> list[str]:
    """Markdown rows: mean over the seeds and half a 95 % interval (Student's t)."""
    rows = ["| answer | β | " + " | ".join(METRICS) + " |", "|---|---|" + "---|" * len(METRICS)]
    for stream in STREAMS:
        for weight in WEIGHTS:
            cells = []
            for metric in METRICS:
                values = [line[4] for line in lines if line[:2] == (stream, weight) and line[3] == metric]
                cells.append(cell(t_interval(values) if values else None))
            rows.append(f"| {stream} | {weight:g} | " + " | ".join(cells) + " |")
    return rows


def best_weight(lines: list[tuple[str, float, int, str, float]]) -> float:
    """The β with the best mean accuracy on unseen labels, over seeds, CLIP and anchor."""
    return max(
        WEIGHTS,
        key=lambda weight: sum(
            line[4] for line in lines if line[0] in UNTRAINED and line[1] == weight and line[3] == "unseen"
        ),
    )


def main() -> None:
    """Render, read, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--per-label", type=int, default=10)
    parser.add_argument("--output", type=Path, default=HERE / "results")
    options = parser.parse_args()
    start = time.perf_counter()
    with load_model("puppet-tiny", device="cpu") as model:
        words = read_words(model)
        lines = []
        for seed in range(options.seeds):
            videos = make_videos(model, words, options.per_label, FIRST_SEED + 10 * seed)
            for stream in videos.answers:
                for weight in WEIGHTS:
                    found = judge(videos, words, stream, weight)
                    lines += [(stream, weight, seed, metric, value) for metric, value in found.items()]
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    with (options.output / "stages.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("answer", "weight", "seed", "metric", "value"))
        writer.writerows((*line[:-1], f"{line[-1]:.4f}") for line in lines)
    words_of_it = [
        "# Stage texts on puppets",
        "",
        f"`python benchmarks/stages.py --seeds {options.seeds} --per-label {options.per_label}`: "
        f"puppet-tiny, validation places, {options.per_label} videos a label and seed, each before "
        "another video's place; "
        "percent, mean over the seeds and half a 95 % interval.",
        "",
        *table(lines),
        "",
        f"Best β by accuracy on unseen labels, CLIP and anchor together: {best_weight(lines):g}; in use: "
        f"{ORDER_WEIGHT:g}. β = 0 is without stages.",
        "",
        machine_facts(),
    ]
    (options.output / "stages.md").write_text("\n".join(words_of_it) + "\n", encoding="utf-8")
    print("\n".join(words_of_it))


if __name__ == "__main__":
    main()
