"""What the adapter costs: parameters and time beside its backbone, time and memory of a training.

    python benchmarks/adapter.py [--repeats 7]

Prints Markdown. Adapter and backbone run in turn on the same clips, in one thread, and the median of the
ratios is what counts; the training is a process of its own on tokens in memory (800 clips of the widths of
puppet-tiny, the settings of the debiasing benchmark's row `both`, 156 steps of 64).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch
from facts import peak_mebibytes

BACKBONES = ("ViT-B-32/random", "ViT-B-16/random")
NUM_CLIPS = 2


def share_of(name: str, repeats: int) -> tuple[int, float, float, float]:
    """Parameters of the adapter, milliseconds a clip of backbone and adapter, median ratio."""
    from zeroshot.adapter.adapter import TwoStreamAdapter
    from zeroshot.adapter.config import AdapterConfig
    from zeroshot.model.backbone import load_backbone
    from zeroshot.model.tokens import pool_tokens

    backbone = load_backbone(name, "cpu")
    side = 224
    frames = torch.randint(0, 256, (8 * NUM_CLIPS, 3, side, side), dtype=torch.uint8)
    tokens, embeddings = backbone.encode_tokens(frames)
    config = AdapterConfig(tokens.shape[-1], embeddings.shape[-1])
    adapter = TwoStreamAdapter(config).eval()
    ratios, slow, fast = [], [], []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        tokens, embeddings = backbone.encode_tokens(frames)
        between = time.perf_counter()
        with torch.inference_mode():
            pooled = pool_tokens(tokens, backbone.grid or (1, 1)).unflatten(0, (NUM_CLIPS, 8))
            adapter(pooled, embeddings.unflatten(0, (NUM_CLIPS, 8)))
        slow.append(between - start)
        fast.append(time.perf_counter() - between)
        ratios.append(fast[-1] / slow[-1])
    size = adapter.num_parameters()
    halves = (1000 * statistics.median(part[1:]) / NUM_CLIPS for part in (slow, fast))
    return size, *halves, statistics.median(ratios[1:])


def train_once() -> None:
    """One training on made-up tokens; prints its wall seconds and this process's peak memory in MiB."""
    from zeroshot.training.config import TrainingConfig
    from zeroshot.training.label_targets import LabelTexts, Scenes
    from zeroshot.training.loop import fit
    from zeroshot.waist.waist import Waist

    draw = torch.Generator().manual_seed(0)
    labels, places = torch.arange(800) % 20, torch.randint(10, (800,), generator=draw)
    waist = Waist.from_tensors(
        torch.randn(800, 8, 17, 128, generator=draw).half(),
        torch.nn.functional.normalize(torch.randn(800, 8, 128, generator=draw), dim=-1),
        [f"label {label}" for label in labels.tolist()],
    )
    texts = torch.nn.functional.normalize(torch.randn(20, 128, generator=draw), dim=1)
    names = tuple(f"label {label}" for label in range(20))
    scenes = Scenes(tuple(f"scene {place}" for place in range(10)), places)
    config = TrainingConfig.from_dict(
        {
            "epochs": 12,
            "learning_rate": 2e-3,
            "objective": {"independence": 5.0, "adversary": 0.3},
            "adapter": {"hidden_dim": 128, "num_layers": 1, "reads": "content"},
        }
    )
    start = time.perf_counter()
    fit(waist, None, LabelTexts(names, texts, 50.0), config, scenes=scenes, device="cpu")
    peak = peak_mebibytes()
    print(f"| training, 156 steps of 64 clips | {time.perf_counter() - start:.1f} s | {peak:.0f} MiB |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--train-only", action="store_true", help="one training in this process")
    options = parser.parse_args()
    if options.train_only:
        train_once()
        return
    torch.set_num_threads(1)
    print("| backbone | parameters of the adapter | backbone, ms a clip | adapter, ms a clip | ratio |")
    print("|---|---|---|---|---|")
    for name in BACKBONES:
        size, slow, fast, ratio = share_of(name, options.repeats)
        print(f"| {name} | {size / 1e6:.2f} M | {slow:.0f} | {fast:.1f} | {100 * ratio:.1f} % |", flush=True)
    print("\n| what | wall | peak memory of the process |\n|---|---|---|", flush=True)
    subprocess.run([sys.executable, __file__, "--train-only"], check=True)


if __name__ == "__main__":
    main()
