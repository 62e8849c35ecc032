"""Scores of how well the best of K labels fits a video: with background labels, and those known without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

ABOUT = {
    "cosine": "the best label's cosine; its logit, MaxLogit, orders videos alike",
    "probability": "the best label's probability among the labels: MCM (Ming et al. 2022), at its scale",
    "margin": "the best label's logit less the second's",
    "energy": "logarithm of the sum of exponentials of the labels' logits (Liu et al. 2020)",
    "margin-background": "the best label's logit less the best background label's",
    "energy-background": "the labels' energy less the background labels': log odds of NegLabel's share "
    "(Jiang et al. 2024)",
    "probability-background": "the best label's probability among labels and background labels",
    "energy-margin-background": "the mean of energy and margin-background: the latter, and how high it lies",
}
"""Score → what it is."""


def energy(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) logarithms of the sums of exponentials of (n, K) logits."""
    most = logits.max(1, keepdims=True)
    sums: NDArray[np.float64] = most[:, 0] + np.log(np.exp(logits - most).sum(1))
    return sums


def _margin(logits: NDArray[np.float64], _background: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of one label there is no second, and so no difference between videos."""
    if logits.shape[1] < 2:
        return np.zeros(len(logits))
    best = np.partition(logits, -2, axis=1)
    margins: NDArray[np.float64] = best[:, -1] - best[:, -2]
    return margins


SCORES: dict[str, Score] = {
    "cosine": lambda logits, _: logits.max(1),
    "probability": lambda logits, _: logits.max(1) - energy(logits),
    "margin": _margin,
    "energy": lambda logits, _: energy(logits),
    "margin-background": lambda logits, background: logits.max(1) - background.max(1),
    "energy-background": lambda logits, background: energy(logits) - energy(background),
    "probability-background": lambda logits, background: (
        logits.max(1) - np.logaddexp(energy(logits), energy(background))
    ),
    "energy-margin-background": lambda logits, background: (
        (energy(logits) + logits.max(1) - background.max(1)) / 2
    ),
}
"""Name → function of (n, K) logits of labels and (n, M) of background labels to (n,): higher is surer."""

CHOSEN = "margin-background"
"""What rejection without data goes by: of those that have a threshold where nothing was calibrated, the best
on puppets of the validation seeds (`benchmarks/reject.py`)."""
CALIBRATED = "energy-margin-background"
"""What quantiles go by: of the scores with background labels the best on those puppets. Cosine and energy,
which need none, tell puppets as well or better where the background does not name what is unknown; published
figures on photographs (Jiang et al. 2024) speak for a background, and this one stands between the two."""
