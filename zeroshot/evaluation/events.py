"""From windows of a video to events: where a label begins and ends, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import OptionError, require_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Hysteresis:
    """How windows become events, by two thresholds.

    A video has the labels whose mean score over its windows is best. The scores of such a label are brought
    to 0 at the window where it fits least and 1 where it fits best. An event is a run of windows at or above
    `low` of which one is at or above `high`: it begins only where the label fits well, and does not break off
    over a dip. Its score is the label's probability among all labels, averaged over its windows, so that
    events of different videos can be ranked.

    Attributes:
        high: share of the label's range that an event must reach once, above 0 to 1.
        low: share that it must not fall below, 0 to `high`.
        labels_per_video: how many labels a video may have.
    """

    high: float = 0.75
    low: float = 0.5
    labels_per_video: int = 2

    def __post_init__(self) -> None:
        """Refuse thresholds in the wrong order."""
        require_whole("labels_per_video", self.labels_per_video)
        if not 0 <= self.low <= self.high <= 1 or self.high == 0:
            raise OptionError(
                f"thresholds low {self.low} and high {self.high}; expected 0 ≤ low ≤ high ≤ 1, high above 0"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)


class FoundEvent(NamedTuple):
    """A stretch of a video, in seconds, the row of its label, and how sure it is."""

    label: int
    start: float
    end: float
    score: float


def events_of(
    windows: NDArray[np.float64], scores: NDArray[np.float32], logit_scale: float, rule: Hysteresis
) -> list[FoundEvent]:
    """The events of one video, by label and in time order.

    Args:
        windows: (W, 2) start and end of each, in seconds, in time order; they may overlap.
        scores: (W, K) cosines with the labels.
        logit_scale: the model's own.
        rule: by which windows are joined.
    """
    if not len(windows):
        return []
    logits = logit_scale * scores.astype(np.float64)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    edges = _edges(windows)
    best = np.argsort(-scores.mean(0), kind="stable")[: rule.labels_per_video]
    found = []
    for label in best.tolist():
        own = scores[:, label].astype(np.float64)
        span = own.max() - own.min()
        levels = (own - own.min()) / span if span > 0 else np.ones(len(own))
        for first, last in _runs(levels, rule):
            score = float(shares[first : last + 1, label].mean())
            found.append(FoundEvent(label, float(edges[first]), float(edges[last + 1]), score))
    return found


def _edges(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(W + 1,) where one window's share of the video ends and the next one's begins: half way between."""
    centres = windows.mean(1)
    inner = (centres[1:] + centres[:-1]) / 2
    edges: NDArray[np.float64] = np.concatenate([windows[:1, 0], inner, windows[-1:, 1]])
    return edges


def _runs(levels: NDArray[np.float64], rule: Hysteresis) -> list[tuple[int, int]]:
    """(first, last) of each run at or above `low` that reaches `high`."""
    above = np.concatenate([[False], levels >= rule.low, [False]])
    steps = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)
    return [(first, end - 1) for first, end in steps.tolist() if levels[first:end].max() >= rule.high]
