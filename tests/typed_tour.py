"""A tour of the package by hands that know sentence-transformers, torchvision and scikit-learn.

`test_tour.py` runs it, and holds it to what type checkers say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader, Dataset

import zeroshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class Frames(Dataset[tuple[torch.Tensor, str]]):
    """Eight frames of each video, as people feed networks of their own."""

    def __init__(self, videos: Sequence[Path], model: zeroshot.Model) -> None:
        self.videos = videos
        self.model = model

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, str]:
        vectors: torch.Tensor = self.model.embed_videos(self.videos[row], as_tensor=True)
        return vectors[0], self.videos[row].name


def tour(clips: Path, output: Path) -> dict[str, object]:
    """What came of each step, for whoever checks it."""
    some = sorted(clips.glob("*.mp4"))[:3]
    labels = ["waving", "jumping", "climbing"]
    with zeroshot.load("puppet-tiny", labels, device=torch.device("cpu"), num_workers=1) as classifier:
        best: zeroshot.Predictions = classifier.rank(some[0], k=2)
        first: str = best[0].label
        other: list[zeroshot.Prediction] = classifier.rank(some[0], labels="bowing, kicking")
        again = classifier.rank(some[0], k=2)
        errors: list[str | None] = [row.error for row in classifier.rank_many([*some, "gone.mp4"], k=1)]
        segments: list[zeroshot.Segment] = classifier.timeline(some[0], window_seconds=0.5)
        model: zeroshot.Model = classifier.model

        array: NDArray[np.float32] = model.embed_videos(str(some[0]))
        tensor: torch.Tensor = model.embed_videos(some, as_tensor=True)
        texts: NDArray[np.float32] = model.encode(labels)
        cosines: torch.Tensor = model.similarity(tensor, model.encode_text(labels, convert_to_tensor=True))
        folder: NDArray[np.float32] = model.embed_videos(clips)
        loader: DataLoader[tuple[torch.Tensor, str]] = DataLoader(Frames(some, model), batch_size=2)
        batches = [(tuple(vectors.shape), list(names)) for vectors, names in loader]
    rows: list[zeroshot.Ranking] = zeroshot.classify(some, labels, model=model, k=1)
    done: zeroshot.Embedded = zeroshot.embed([*some, clips / "gone.mp4"], output, model=model)
    paths, kept = zeroshot.read_embeddings(done.folder)
    model.close()
    return {
        "same": best == again and first != other[0].label,
        "errors": errors,
        "segments": len(segments),
        "shapes": (array.shape, tuple(tensor.shape), texts.shape, tuple(cosines.shape), len(folder)),
        "batches": batches,
        "labels": [row.predictions[0].label for row in rows],
        "kept": len(paths) == len(kept) == 3 and list(done.errors) == [str(clips / "gone.mp4")],
    }
