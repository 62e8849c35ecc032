"""What an adapter is worth: every figure of the debiasing benchmark, from counts over the test videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from debias_world import LABELS, PAIRS, SEEN
from torch import Tensor

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.losses.independence import dependence
from zeroshot.probes.linear_scene import probe_scene
from zeroshot.statistics.metrics import contrast, correct, pair_outcomes
from zeroshot.types import Streams

if TYPE_CHECKING:
    import numpy as np
    from debias_world import TestSet, Tokens
    from numpy.typing import NDArray

    from zeroshot.adapter.adapter import TwoStreamAdapter

Figure = tuple[str, str, float]
STREAMS = ("static", "dynamic", "fused")
_AT_ONCE = 64


@torch.no_grad()
def read(adapter: TwoStreamAdapter, videos: Tokens) -> Streams:
    """The streams of n videos."""
    adapter.eval()
    parts = [
        adapter(tokens, embeddings)
        for tokens, embeddings in zip(
            videos.tokens.split(_AT_ONCE), videos.embeddings.split(_AT_ONCE), strict=True
        )
    ]
    names = (*STREAMS, "static_hidden", "dynamic_hidden", "anchor", "correction")
    return Streams(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def judge(adapter: TwoStreamAdapter, test: TestSet, texts: Tensor, coupling: float) -> list[Figure]:
    """(stream, metric, value) of an adapter; the original and background-only clips are those of a coupling.

    Args:
        adapter: trained.
        test: the videos.
        texts: (number of LABELS, D).
        coupling: ρ.
    """
    found, streams = [], {name: read(adapter, videos) for name, videos in test.sets(coupling).items()}
    for stream in STREAMS:
        rows = {name: getattr(read_, stream) for name, read_ in streams.items()}
        found += figures(stream, rows, test, texts, coupling)
    swap = streams["swap"]
    if swap.static_hidden is not None and swap.dynamic_hidden is not None:
        found.append(("", "nhsic", float(dependence(swap.dynamic_hidden, swap.static_hidden))))
    return found


def judge_average(test: TestSet, texts: Tensor, coupling: float) -> list[Figure]:
    """The same of CLIP averaged over frames, which has no streams: their name is empty."""
    sets = test.sets(coupling)
    rows = {name: mean_embedding(videos.embeddings) for name, videos in sets.items()}
    return figures("", rows, test, texts, coupling)


def figures(
    stream: str, rows: dict[str, Tensor], test: TestSet, texts: Tensor, coupling: float
) -> list[Figure]:
    """(stream, metric, value) of one stream's rows of every set of `TestSet.sets`."""
    rows = {**rows, "orig": rows["swap"].clone()}
    rows["orig"][test.luck < coupling] = rows.pop("at_home")
    arrays = {name: part.numpy() for name, part in rows.items()}
    shares = accuracies(arrays, test, texts.numpy())
    shares["scene_probe"] = scene_accuracy(arrays["swap"], test.scenes[test.other].numpy())
    return [(stream, metric, value) for metric, value in shares.items()]


def accuracies(
    rows: dict[str, NDArray[np.float32]], test: TestSet, texts: NDArray[np.float32]
) -> dict[str, float]:
    """Percentages of one stream; `rows` has a unit row for every video of every set."""
    seen = len(SEEN)
    labels, backgrounds = test.labels.numpy(), test.labels[test.other].numpy()
    scores = {name: part @ texts[:seen].T for name, part in rows.items() if name != "unseen"}
    right = {name: correct(part, labels) for name, part in scores.items()}
    away = labels != backgrounds
    misled = correct(scores["swap"], backgrounds)[away]
    unseen_labels = test.unseen_labels.numpy()
    novel = correct(rows["unseen"] @ texts[seen:].T, unseen_labels - seen)
    among_all = [
        correct(rows["swap"] @ texts.T, labels).mean(),
        correct(rows["unseen"] @ texts.T, unseen_labels).mean(),
    ]
    originals = max(1, int(right["orig"].sum()))
    shares = {
        "orig": right["orig"].mean(),
        "shacc": right["swap"].mean(),
        "sberr": misled.mean(),
        "bor": right["background"].sum() / originals,
        "hor": right["human"].sum() / originals,
        "scuba": right["scuba"].mean(),
        "scufo": right["scufo"].mean(),
        "contra": contrast(right["scuba"], right["scufo"]).mean(),
        "unseen_shacc": novel.mean(),
        "h": 2 * among_all[0] * among_all[1] / max(1e-9, sum(among_all)),
        "order_pairs": pair_outcomes(scores["swap"], labels, PAIRS).mean(),
    }
    return {name: 100 * float(share) for name, share in shares.items()}


def scene_accuracy(rows: NDArray[np.float32], scenes: NDArray[np.int64]) -> float:
    """Percent of scenes that a linear classifier reads off a stream's rows."""
    return 100 * probe_scene(rows, scenes, num_folds=3, penalty=30.0).accuracy.value


def num_labels() -> int:
    """How many labels there are, seen and unseen."""
    return len(LABELS)
