"""On a GPU, all in one run of less than ten minutes: index, frames from pinned memory, bfloat16, training.

    python benchmarks/gpu.py [--device cuda] [--quick]

Prints Markdown. Each figure stands beside the processor's of the same run, and beside how far the answers
are apart. `--quick` takes networks and numbers so small that only the way is tried, on a processor too
(`--device cpu --quick`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import faiss
import numpy as np
import torch
from facts import machine_facts
from index import make_world

from zeroshot.checkpoint import load_model
from zeroshot.index.ivf import NEAREST, Cells, Reach, has_gpu
from zeroshot.index.recall import found_shares, true_nearest
from zeroshot.model.speed.precision import PROMISES
from zeroshot.training.config import TrainingConfig
from zeroshot.training.label_targets import LabelTexts, Scenes
from zeroshot.training.loop import fit
from zeroshot.types import Clip
from zeroshot.waist.streams import read_streams
from zeroshot.waist.waist import Waist

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.training.loop import Fitted


LEARNING = {
    "learning_rate": 2e-3,
    "objective": {"independence": 5.0, "adversary": 0.3},
    "adapter": {"hidden_dim": 128, "num_layers": 1, "reads": "content"},
}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        labels: of the index.
        queries: of which recall is told.
        network: that frames go through.
        clips: of eight frames.
        videos: to train on.
        epochs: of training.
        repeats: of each time.
    """

    labels: int
    queries: int
    network: str
    clips: int
    videos: int
    epochs: int
    repeats: int


FULL = Size(1_000_000, 512, "ViT-B-16/random", 64, 800, 12, 9)
QUICK = Size(2_000, 32, "puppet-tiny", 2, 16, 1, 1)


def seconds(work: Callable[[], object], repeats: int, device: str) -> float:
    """Median seconds, once it has run, until the device is done."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:] or taken)


def index_rows(size: Size, device: str) -> list[str]:
    """Search in cells on the processor, and of all labels on the GPU: recall, ms alone and in groups."""
    labels, queries = make_world(size.labels, 512, 0)
    queries = queries[: size.queries]
    truth = true_nearest(queries, labels)
    cells = Cells.build(labels)
    reach = Reach(max(1, len(cells) // 4))
    rows = []
    for place in ("processor", "GPU")[: 1 + device.startswith("cuda")]:
        if place == "GPU":
            if not has_gpu():
                return [*rows, "| faiss finds no GPU | | | |"]
            cells.to_gpu(labels)
        recall = found_shares(cells, labels, queries, truth, reach).mean()
        one = seconds(lambda: cells.search(queries[:1], labels, reach), size.repeats * 10, "cpu")
        many = seconds(lambda: cells.search(queries[:32], labels, reach), size.repeats, "cpu")
        rows.append(
            f"| {size.labels} labels, {place} | {recall:.4f} | {1e3 * one:.2f} | {1e3 * many / 32:.3f} |"
        )
    return rows


def frame_rows(size: Size, device: str) -> list[str]:
    """Frames a second at each level: in pageable memory one batch after the other, and as clips are read."""
    draw = np.random.default_rng(0)
    clips = [
        Clip(draw.integers(0, 256, (8, 3, 224, 224), np.uint8), np.arange(8) / 4.0) for _ in range(size.clips)
    ]
    frames, number = np.concatenate([clip.frames for clip in clips]), 8 * size.clips
    right = load_model(size.network, device="cpu").embed_clips(clips[:2])
    rows = []
    for level in PROMISES:
        model = load_model(size.network, device=device, precision=level)
        cosine = float(np.einsum("nd,nd->n", model.embed_clips(clips[:2]), right).min())
        plain = number / seconds(lambda net=model: net.backbone.encode_frames(frames), size.repeats, device)
        pinned = number / seconds(lambda net=model: net.embed_clips(clips), size.repeats, device)
        how = model.backbone.precision.arithmetic
        rows.append(f"| {level} ({how}) | {plain:.0f} | {pinned:.0f} | {cosine:.6f} |")
    return rows


def trained(size: Size, device: str, precision: str) -> tuple[float, Fitted, Waist]:
    """Seconds of one training on made-up tokens, what came of it, and what it was trained on."""
    draw, count = torch.Generator().manual_seed(0), size.videos
    labels, places = torch.arange(count) % 8, torch.randint(4, (count,), generator=draw)
    waist = Waist.from_tensors(
        torch.randn(count, 8, 17, 128, generator=draw).half(),
        torch.nn.functional.normalize(torch.randn(count, 8, 128, generator=draw), dim=-1),
        [f"label {label}" for label in labels.tolist()],
    )
    texts = torch.nn.functional.normalize(torch.randn(8, 128, generator=draw), dim=1)
    known = LabelTexts(tuple(f"label {label}" for label in range(8)), texts, 50.0)
    scenes = Scenes(tuple(f"scene {place}" for place in range(4)), places)
    config = TrainingConfig.from_dict(
        {**LEARNING, "epochs": size.epochs, "precision": precision, "batch_size": min(64, count)}
    )
    start = time.perf_counter()
    fitted = fit(waist, None, known, config, scenes=scenes, device=device)
    return time.perf_counter() - start, fitted, waist


def training_rows(size: Size, device: str) -> list[str]:
    """Seconds of one training, its last loss, and how near its fused vectors are to the processor's."""
    rows, right = [], None
    for place, precision in dict.fromkeys([("cpu", "no"), (device, "no"), (device, "bf16")]):
        taken, fitted, waist = trained(size, place, precision)
        fused = read_streams(fitted.adapter, waist).fused
        right = fused if right is None else right
        cosine = float((fused * right).sum(1).median())
        loss = fitted.history[-1].losses["total"]
        rows.append(f"| {place}, {precision} | {taken:.1f} | {loss:.4f} | {cosine:.4f} |")
    return rows


PARTS = {
    "index": (("search", f"recall@{NEAREST}", "one query, ms", "a query of 32, ms"), index_rows),
    "frames": (("level", "pageable, frames/s", "pinned, frames/s", "cosine to processor"), frame_rows),
    "training": (("device, precision", "s", "last loss", "median cosine to processor"), training_rows),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("No GPU is here; `--device cpu --quick` tries the way on a processor.")
        return
    size = QUICK if options.quick else FULL
    named = torch.cuda.get_device_name(0) if options.device.startswith("cuda") else "no GPU"
    print(machine_facts(torch=torch.__version__, faiss=faiss.__version__) + f", {named}\n", flush=True)
    for part, (columns, rows) in PARTS.items():
        print(f"**{part}**\n\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
        start = time.perf_counter()
        print("\n".join(rows(size, options.device)))
        print(f"\n({time.perf_counter() - start:.0f} s in all)\n", flush=True)


if __name__ == "__main__":
    main()
