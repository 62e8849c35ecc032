"""From windows of a video to events: where a label begins and ends, and how sure that is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zeroshot.errors import LabelError, OptionError, printable, require_number, require_whole
from zeroshot.index.exact import probabilities
from zeroshot.video.sampling import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Seconds = tuple[float, float]

LEVELS = ("probability", "range")


@dataclass(frozen=True)
class Hysteresis:
    """How windows become events, by two thresholds on the level of a label in each window.

    An event is a run of windows at or above `low` of which one is at or above `high`: it begins only where
    the label fits well, and does not break off over a dip. Labels have their events each for itself: two may
    overlap, and where no label has one there is none of them. An event's score is the label's probability
    among all labels, averaged over its windows, so that events of different videos can be ranked.

    The level is the label's probability among all labels: then windows are enough, whatever else the video
    holds, and a label that never fits has no event. Or it is the share of the label's range in this video, 0
    at the window where it fits least and 1 where it fits best: for videos of which it is known that some
    label happens in them, and that are over.

    Attributes:
        high: level that an event must reach once, above 0 to 1; by default more likely than not.
        low: level that it must not fall below, 0 to `high`.
        labels_per_video: the labels whose mean score over the windows is best may have events, so many of
            them; None: all.
        level: "probability" or "range".
        shortest_seconds: what is shorter is no event.
        on: `high` of single labels; their `low` is lower by the same factor.
    """

    high: float = 0.5
    low: float = 1 / 3
    labels_per_video: int | None = None
    level: str = "probability"
    shortest_seconds: float = 0.0
    on: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse thresholds in the wrong order."""
        if self.labels_per_video is not None:
            require_whole("labels_per_video", self.labels_per_video)
        if not 0 <= self.low <= self.high <= 1 or self.high == 0:
            raise OptionError(
                f"thresholds low {self.low} and high {self.high}; expected 0 ≤ low ≤ high ≤ 1, high above 0"
            )
        if self.level not in LEVELS:
            raise OptionError(f"level is {self.level!r}; expected {' or '.join(LEVELS)}")
        require_number("shortest_seconds", self.shortest_seconds)
        for label, high in self.on.items():
            require_number(f"the threshold of {label!r}", high)
            if not 0 < high <= 1:
                raise OptionError(f"the threshold of {label!r} is {high}; expected above 0, to 1")

    @classmethod
    def within_video(cls) -> Hysteresis:
        """The rule of benchmarks in which every video is known to show some of the labels."""
        return cls(0.75, 0.5, level="range", labels_per_video=2)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        return asdict(self)

    def require(self, labels: Sequence[str], *, rejects: bool = False) -> None:
        """Refuse labels that this rule cannot be for.

        Args:
            labels: that may be on.
            rejects: whether none of them may be, as they are held against a background, too.

        Raises:
            OptionError: it is one label alone, whose probability is 1 all the time.
            LabelError: the rule has a threshold for what is none of them.
        """
        self.thresholds(labels)
        if len(labels) < 2 and self.level == "probability" and not rejects:
            raise OptionError(
                f"{printable(labels[0])!r} is the only label, so it is certain all the time; name others "
                'that it is held against, such as "nothing happens", or reject what is none of them'
            )

    def thresholds(self, labels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(K,) high and (K,) low of these labels.

        Raises:
            LabelError: one has a threshold and is none of them.
        """
        for label in self.on:
            if label not in labels:
                shown = ", ".join(map(printable, labels[:5])) + ", …" * (len(labels) > 5)
                raise LabelError(
                    f"{printable(label)!r} has a threshold and is no label; expected one of {shown}"
                )
        high = np.array([self.on.get(label, self.high) for label in labels], np.float64)
        return high, high * (self.low / self.high)


WINDOW_SECONDS = 2.0
"""Of a window by default: with half of it from one to the next, as localization is measured."""


def window_of_events(length_seconds: float | None, stride_seconds: float | None = None) -> Window:
    """Windows that overlap by half, two seconds long, unless something else is given.

    Raises:
        OptionError: a length or stride that is not positive.
    """
    length = WINDOW_SECONDS if length_seconds is None else length_seconds
    return Window.of(length, length / 2 if stride_seconds is None else stride_seconds)


class FoundEvent(NamedTuple):
    """A stretch of a video, in seconds, the row of its label, and how sure it is."""

    label: int
    start: float
    end: float
    score: float


class Runs:
    """Runs of windows, label by label, known as soon as the windows have come that make them one."""

    def __init__(self, high: ArrayLike, low: ArrayLike, shortest_seconds: float = 0.0) -> None:
        """No window has come.

        Args:
            high: (K,) level that a run must reach once.
            low: (K,) level that it must not fall below.
            shortest_seconds: of a run.
        """
        self._high, self._low = np.asarray(high, np.float64), np.asarray(low, np.float64)
        self._shortest = shortest_seconds
        size = len(self._high)
        self._open, self._reached, self._told = (np.zeros(size, np.bool_) for _ in range(3))
        self._starts, self._sums, self._counts = (np.zeros(size) for _ in range(3))
        self._last: Seconds | None = None

    def take(
        self, window: Seconds, levels: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> tuple[list[FoundEvent], list[FoundEvent]]:
        """What begins and what ends by the next window; of what begins the end so far is this window's.

        Args:
            window: its start and end, in seconds; windows come in time order and may overlap.
            levels: (K,) of each label.
            shares: (K,) probabilities, whose mean is the score.
        """
        centre = sum(window) / 2
        # Where one window's share of the video ends and the next one's begins: half way between.
        edge = window[0] if self._last is None else (sum(self._last) / 2 + centre) / 2
        above = levels >= self._low
        ended = self._ended(self._open & ~above, edge)
        fresh = above & ~self._open
        self._starts[fresh], self._sums[fresh], self._counts[fresh] = edge, 0, 0
        self._reached[fresh] = self._told[fresh] = False
        self._open = above
        self._sums[above] += shares[above]
        self._counts[above] += 1
        self._reached |= above & (levels >= self._high)
        begun = above & self._reached & ~self._told & (centre - self._starts >= self._shortest)
        self._told |= begun
        self._last = window
        return [self._event(label, window[1]) for label in np.flatnonzero(begun).tolist()], ended

    def finish(self) -> list[FoundEvent]:
        """What ends because no window comes any more; another may begin a new video."""
        ended = [] if self._last is None else self._ended(self._open, self._last[1])
        self._open = np.zeros_like(self._open)
        self._last = None
        return ended

    def _ended(self, labels: NDArray[np.bool_], edge: float) -> list[FoundEvent]:
        """Runs that end here, those that are none left out."""
        long = self._told | (edge - self._starts >= self._shortest)
        return [self._event(label, edge) for label in np.flatnonzero(labels & self._reached & long).tolist()]

    def _event(self, label: int, end: float) -> FoundEvent:
        score = float(self._sums[label] / self._counts[label])
        return FoundEvent(label, float(self._starts[label]), float(end), score)


def events_of(
    windows: NDArray[np.float64],
    scores: NDArray[np.float32],
    logit_scale: float,
    rule: Hysteresis,
    labels: Sequence[str] = (),
) -> list[FoundEvent]:
    """The events of one video, by label and in time order.

    Args:
        windows: (W, 2) start and end of each, in seconds, in time order; they may overlap.
        scores: (W, K) cosines with the labels.
        logit_scale: the model's own.
        rule: by which windows are joined.
        labels: K names, where the rule has thresholds of single ones.

    Raises:
        LabelError: the rule names a label that is none of these.
    """
    if not len(windows):
        return []
    shares = probabilities(scores, logit_scale)
    best = np.argsort(-scores.mean(0), kind="stable")[: rule.labels_per_video]
    levels = shares[:, best] if rule.level == "probability" else _within_range(scores[:, best])
    high, low = rule.thresholds(labels or [""] * scores.shape[1])
    runs = Runs(high[best], low[best], rule.shortest_seconds)
    found = []
    for window, own, chances in zip(windows.tolist(), levels, shares[:, best], strict=True):
        found += runs.take((window[0], window[1]), own, chances)[1]
    found += runs.finish()
    return sorted(one._replace(label=int(best[one.label])) for one in found)


def _within_range(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(W, K) levels of scores: 0 where a label fits least, 1 where it fits best, or alike all the time."""
    own = scores.astype(np.float64)
    least, span = own.min(0), np.ptp(own, axis=0)
    levels: NDArray[np.float64] = np.where(span > 0, (own - least) / np.where(span > 0, span, 1), 1.0)
    return levels
