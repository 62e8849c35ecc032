"""What an adapter is worth: every figure of the debiasing benchmark, from counts over the test videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zeroshot.adapter.adapter import mean_embedding
from zeroshot.losses.independence import dependence
from zeroshot.probes.linear_scene import probe_scene
from zeroshot.statistics.metrics import contrast, correct, pair_outcomes
from zeroshot.types import Streams

if TYPE_CHECKING:
    import numpy as np
    from debias_rows import Words
    from debias_world import TestSet, Tokens, World
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


def judge(adapter: TwoStreamAdapter, test: TestSet, words: Words, coupling: float) -> list[Figure]:
    """(stream, metric, value) of an adapter; the original and background-only clips are those of a coupling.

    Args:
        adapter: trained.
        test: the videos.
        words: the labels.
        coupling: ρ.
    """
    found, streams = [], {name: read(adapter, videos) for name, videos in test.sets(coupling).items()}
    for stream in STREAMS:
        rows = {name: getattr(read_, stream) for name, read_ in streams.items()}
        found += figures(stream, rows, test, words, coupling)
    swap = streams["swap"]
    if swap.static_hidden is not None and swap.dynamic_hidden is not None:
        found.append(("", "nhsic", float(dependence(swap.dynamic_hidden, swap.static_hidden))))
    return found


def judge_average(test: TestSet, words: Words, coupling: float) -> list[Figure]:
    """The same of CLIP averaged over frames, which has no streams: their name is empty."""
    sets = test.sets(coupling)
    rows = {name: mean_embedding(videos.embeddings) for name, videos in sets.items()}
    return figures("", rows, test, words, coupling)


def figures(
    stream: str, rows: dict[str, Tensor], test: TestSet, words: Words, coupling: float
) -> list[Figure]:
    """(stream, metric, value) of one stream's rows of every set of `TestSet.sets`."""
    rows = {**rows, "orig": rows["swap"].clone()}
    rows["orig"][test.luck < coupling] = rows.pop("at_home")
    arrays = {name: part.numpy() for name, part in rows.items()}
    shares = accuracies(arrays, test, words.labels.numpy(), words.world)
    shares["scene_probe"] = scene_accuracy(arrays["swap"], test.scenes[test.other].numpy())
    return [(stream, metric, value) for metric, value in shares.items()]


def accuracies(
    rows: dict[str, NDArray[np.float32]], test: TestSet, texts: NDArray[np.float32], world: World
) -> dict[str, float]:
    """Percentages of one stream; `rows` has a unit row for every video of every set."""
    seen = len(world.seen)
    labels, backgrounds = test.labels.numpy(), test.labels[test.other].numpy()
    scores = {name: part @ texts[:seen].T for name, part in rows.items() if name != "unseen"}
    right = {name: correct(part, labels) for name, part in scores.items()}
    away = labels != backgrounds
    misled = correct(scores["swap"], backgrounds)[away]
    unseen_labels, unseen_scores = test.unseen_labels.numpy(), rows["unseen"] @ texts.T
    novel = correct(unseen_scores[:, seen:], unseen_labels - seen)
    unseen_pairs = world.rows_of_pairs(world.unseen)
    among_all = [
        correct(rows["swap"] @ texts.T, labels).mean(),
        correct(unseen_scores, unseen_labels).mean(),
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
        "order_pairs": pair_outcomes(scores["swap"], labels, world.rows_of_pairs(world.seen)).mean(),
        "unseen_order_pairs": pair_outcomes(unseen_scores, unseen_labels, unseen_pairs).mean(),
    }
    return {name: 100 * float(share) for name, share in shares.items()}


def scene_accuracy(rows: NDArray[np.float32], scenes: NDArray[np.int64]) -> float:
    """Percent of scenes that a linear classifier reads off a stream's rows."""
    return 100 * probe_scene(rows, scenes, num_folds=3, penalty=30.0).accuracy.value
