"""Time of an evaluation whose videos are embedded already: 1,000 videos × 400 labels on two cores.

    python benchmarks/evaluate.py

Writes 1,000 small files and random unit vectors for them into a table as an evaluation keeps them, then runs
`zeroshot.evaluate` on all of it twice: the first run encodes the label texts, the second finds them as well.
Each reads the table, scores, draws intervals and writes the three report files. Loading the network is told
apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from zeroshot.batch.parquet import EmbeddingRow
from zeroshot.checkpoint import load_model
from zeroshot.datasets.splits import LabeledVideo, Split
from zeroshot.evaluation.cached_embeddings import _table
from zeroshot.evaluation.run import evaluate
from zeroshot.text.prompts import read_labels
from zeroshot.video.identity import file_digest, file_facts


def main() -> None:
    """Print seconds of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-32/random")
    parser.add_argument("--videos", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(2)
    started = time.perf_counter()
    model = load_model(options.model, stream="clip")
    print(f"loading {options.model}: {time.perf_counter() - started:.2f} s")
    labels = read_labels("kinetics400")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = []
        rng = np.random.default_rng(0)
        with _table(folder / "out" / "embeddings", model, model.sampling) as table:
            for number in range(options.videos):
                path = folder / f"{number:06d}.mp4"
                path.write_bytes(rng.bytes(2000))
                vector = rng.normal(size=model.embedding_dim).astype(np.float32)
                vector /= np.linalg.norm(vector)
                row = EmbeddingRow(str(path), vector, None, content=file_digest(path), facts=file_facts(path))
                table.add(row)
                rows.append(LabeledVideo(str(path), labels[number % len(labels)]))
        split = Split("benchmark", labels, tuple(rows))
        for turn in ("first", "second"):
            started = time.perf_counter()
            report = evaluate(split, model, output=folder / "out")
            seconds = time.perf_counter() - started
            print(f"{turn}: {report.videos.evaluated} videos × {len(labels)} labels in {seconds:.2f} s")
        print(f"top-1 {report.models[0].figures.top1.value:.2%}, chance {1 / len(labels):.2%}")
    model.close()


if __name__ == "__main__":
    main()
