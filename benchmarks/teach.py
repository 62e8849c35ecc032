"""A few examples of words that a model does not know: words, a cache, a linear head; on puppets.

    python benchmarks/teach.py [--seeds 10] [--per-label 4] [--vectors FILE] [--output DIR]

Of the bundled puppet-tiny's actions, on random scenes. Some are called by nonsense ("blorp"), which it cannot
know; the others by their names. K examples of each are shown, and other videos are asked; once more with the
examples given to labels at random. Seeds draw which words are nonsense, which videos of one pool are examples
and which are asked: intervals are of these draws. "used" says how often the examples served. Writes teach.csv
and teach.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from facts import machine_facts, mean_cell

from zeroshot.checkpoint import load_model
from zeroshot.few_shot.taught import AUTO, WAYS, Examples, ExampleVideo, taught
from zeroshot.index.index import LabelIndex
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
SHOTS = (1, 2, 4, 8, 16)
NONSENSE = ("blorp", "zindle", "quav", "frimble", "snorv", "dakket", "plimf", "wuggle")
FIRST_SEED, SCENE_SEED = 99_000_000, 5
STREAMS = ("fused", "clip")


@dataclass(frozen=True, eq=False)
class Drawn:
    """Videos of every action: (n,) actions, stream → (n, D) unit rows."""

    actions: np.ndarray
    vectors: dict[str, np.ndarray]


def draw(model, per_label: int) -> Drawn:  # noqa: ANN001 - a Model
    """`per_label` videos of every action before scenes at random."""
    rng = np.random.default_rng(SCENE_SEED)
    actions = np.repeat(np.arange(len(ACTIONS)), per_label)
    scenes = rng.integers(len(SCENES), size=len(actions))
    view = View(num_frames=model.sampling.num_frames)
    rows = []
    for start in range(0, len(actions), 64):
        some = range(start, min(start + 64, len(actions)))
        seeds = [FIRST_SEED + row for row in some]
        videos = render_many([int(actions[r]) for r in some], [int(scenes[r]) for r in some], seeds, view)
        rows += [found for _, found in model.embed_streams((one.frames for one in videos), plain=True)]
    names = ("static", "dynamic", "fused", "clip")
    return Drawn(actions, {name: np.stack(rows)[:, place] for place, name in enumerate(names)})


def kept(path: Path | None) -> Drawn | None:
    """Videos of an earlier run, if there are some."""
    if path is None or not path.exists():
        return None
    found = dict(np.load(path))
    return Drawn(found.pop("actions"), found)


def words_of(model, seed: int) -> tuple[LabelIndex, np.ndarray]:  # noqa: ANN001 - a Model
    """An index in which some actions are called by nonsense, and which."""
    unknown = np.random.default_rng(1000 + seed).choice(len(ACTIONS), len(NONSENSE), replace=False)
    names = list(ACTIONS)
    for row, name in zip(unknown, NONSENSE, strict=True):
        names[row] = name
    return LabelIndex(names, model.embed_texts(names), fingerprint={}), unknown


def shares(right: np.ndarray, actions: np.ndarray, unknown: np.ndarray) -> tuple[float, float, float]:
    """Percent right in all, of the words that are unknown, and of the others."""
    strange = np.isin(actions, unknown)
    return tuple(100 * float(right[some].mean()) for some in (strange | ~strange, strange, ~strange))


def judge(
    words: LabelIndex, shown: Drawn, asked: Drawn, unknown: np.ndarray, stream: str, scale: float, seed: int
) -> Iterator[tuple]:
    """Rows of one seed and stream: (shots, labels, way, share in all, of unknown words, of known, used)."""
    vectors, actions = asked.vectors[stream], asked.actions
    plain = shares(words.scores(vectors).argmax(1) == actions, actions, unknown)
    order = np.random.default_rng(2000 + seed)
    for shots in SHOTS:
        kept = np.concatenate([np.flatnonzero(shown.actions == row)[:shots] for row in range(len(ACTIONS))])
        given = {"right": shown.actions[kept], "at random": order.permutation(shown.actions[kept])}
        for labels, targets in given.items():
            videos = tuple(ExampleVideo(str(row)) for row in kept)
            yield shots, labels, "words alone", *plain, 0.0
            for way in (AUTO, *WAYS):
                made, _ = taught(words, Examples(shown.vectors[stream][kept], targets, videos), scale, way)
                right = made.scores(vectors).argmax(1) == actions
                yield shots, labels, way, *shares(right, actions, unknown), 100.0 * bool(made.num_examples)


def main() -> None:
    """Measure, write, print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--seeds", type=int, default=10)
    asked.add_argument("--per-label", type=int, default=4, help="videos of each action that are asked")
    asked.add_argument("--vectors", type=Path, help="taken from there, or kept there: drawing takes longest")
    asked.add_argument("--output", type=Path, default=HERE / "results")
    chosen = asked.parse_args()
    started, rows = time.monotonic(), {}
    with load_model("puppet-tiny", device="cpu") as model:
        pool = kept(chosen.vectors) or draw(model, max(SHOTS) + chosen.per_label)
        if chosen.vectors is not None:
            np.savez(chosen.vectors, actions=pool.actions, **pool.vectors)
        print(f"drawn in {time.monotonic() - started:.0f} s", file=sys.stderr)
        for seed in range(chosen.seeds):
            words, unknown = words_of(model, seed)
            shown, others = parted(pool, np.random.default_rng(3000 + seed))
            for stream in STREAMS:
                found = judge(words, shown, others, unknown, stream, model.logit_scale, seed)
                for shots, labels, way, *figures in found:
                    rows.setdefault((stream, labels, shots, way), []).append(figures)
    print(f"{time.monotonic() - started:.0f} s in all", file=sys.stderr)
    write(rows, chosen.output)


def parted(pool: Drawn, rng: np.random.Generator) -> tuple[Drawn, Drawn]:
    """16 videos of each action to be shown, in an order of their own, and the others to be asked."""
    shown, asked = [], []
    for action in range(len(ACTIONS)):
        own = rng.permutation(np.flatnonzero(pool.actions == action))
        shown.append(own[: max(SHOTS)])
        asked.append(own[max(SHOTS) :])
    parts = (np.concatenate(shown), np.concatenate(asked))
    first, second = (
        Drawn(pool.actions[kept], {name: rows[kept] for name, rows in pool.vectors.items()}) for kept in parts
    )
    return first, second


def write(rows: dict, output: Path) -> None:
    """Tables for people and for machines."""
    output.mkdir(parents=True, exist_ok=True)
    header = (
        "stream",
        "labels given",
        "examples a label",
        "way",
        "all",
        "unknown words",
        "known words",
        "used",
    )
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    with (output / "teach.csv").open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(header)
        for key, found in rows.items():
            cells = [mean_cell(list(values)) for values in zip(*found, strict=True)]
            lines.append("| " + " | ".join(map(str, (*key, *cells))) + " |")
            table.writerow([*key, *(np.mean(found, axis=0).round(3).tolist())])
    text = "\n".join([*lines, "", f"%, ± half a 95 % interval over seeds. {machine_facts()}"]) + "\n"
    (output / "teach.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
