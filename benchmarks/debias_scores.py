"""What an adapter is worth: every figure of the debiasing benchmark, from counts over the test videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from debias_world import LABELS, PAIRS, SEEN
from torch import Tensor

from zeroshot.evaluation.metrics import contrast, correct, pair_outcomes
from zeroshot.evaluation.probes import probe_scene
from zeroshot.losses.independence import dependence
from zeroshot.types import Streams

if TYPE_CHECKING:
    import numpy as np
    from debias_world import TestSet, Tokens
    from numpy.typing import NDArray

    from zeroshot.model.adapter import TwoStreamAdapter

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
    names = (*STREAMS, "static_hidden", "dynamic_hidden")
    return Streams(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def judge(
    adapter: TwoStreamAdapter, test: TestSet, texts: Tensor, coupling: float, *, probe: bool = True
) -> list[tuple[str, str, float]]:
    """(stream, metric, value) of an adapter; the original and background-only clips are those of a coupling.

    Args:
        adapter: trained.
        test: the videos.
        texts: (number of LABELS, D).
        coupling: ρ.
        probe: whether to ask what each stream knows of the scene, which takes a second.
    """
    sets = {
        "orig": test.original(coupling),
        "background": test.backgrounds(coupling),
        "human": test.human,
        "swap": test.elsewhere,
        "scuba": test.scuba,
        "scufo": test.scufo,
        "unseen": test.unseen,
    }
    streams = {name: read(adapter, videos) for name, videos in sets.items()}
    found: list[tuple[str, str, float]] = []
    for stream in STREAMS:
        rows = {name: getattr(read_, stream).numpy() for name, read_ in streams.items()}
        found += [(stream, metric, value) for metric, value in accuracies(rows, test, texts.numpy()).items()]
    swap = streams["swap"]
    if swap.static_hidden is not None and swap.dynamic_hidden is not None:
        found.append(("", "nhsic", float(dependence(swap.dynamic_hidden, swap.static_hidden))))
    if probe:
        scenes = test.scenes[test.other].numpy()
        found += [
            (stream, "scene_probe", scene_accuracy(getattr(swap, stream), scenes)) for stream in STREAMS
        ]
    return found


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


def scene_accuracy(rows: Tensor, scenes: NDArray[np.int64]) -> float:
    """Percent of scenes that a linear classifier reads off a stream's rows."""
    return 100 * probe_scene(rows.numpy(), scenes, num_folds=3, penalty=30.0).accuracy.value


def num_labels() -> int:
    """How many labels there are, seen and unseen."""
    return len(LABELS)
