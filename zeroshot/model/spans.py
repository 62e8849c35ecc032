"""Stretches of a long video in time order, each with its vector; neighbours joined that are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.model.model import Model
    from zeroshot.video.sampling import Window

_WINDOWS_AT_ONCE = 8  # bounds what a long video holds in memory: 8 windows of T frames
_TOUCHING_SECONDS = 1e-6  # less between two windows is no gap but rounding


class Span(NamedTuple):
    """A window of a video in seconds, or several joined, its (D,) unit vector, and its drift if asked for."""

    start: float
    end: float
    vector: NDArray[np.float32]
    drift: NDArray[np.float32] | None = None


def spans_of(
    model: Model, path: str | os.PathLike[str], window: Window, *, drifts: bool = False
) -> Iterator[Span]:
    """The windows of a video one by one, while it is being read; memory stays bounded.

    Args:
        model: embeds them.
        path: of a video file.
        window: how long, and how far apart.
        drifts: the drift of each as well.

    Raises:
        VideoError: the video cannot be read.
    """
    length, stride = window.length_seconds, window.stride_seconds
    for windows, clips in model.read_windows(path, length, stride, _WINDOWS_AT_ONCE):
        for (start, end), row in zip(windows, model.embed_clips(clips, drifts=drifts), strict=True):
            yield Span(start, end, *row) if drifts else Span(start, end, row)


def joined_spans(spans: Iterable[Span], name: Callable[[Span], str]) -> Iterator[Span]:
    """The same, but neighbours of one name are one span, whose vector is the mean of theirs.

    Weighted by their seconds and scaled to unit length, as the mean over views of one video is; drifts, which
    are scaled likewise, too. As a score is
    linear in the vector, a label that is best for each of them is best for their mean. Beyond a gap there is
    no neighbour.

    Args:
        spans: in time order.
        name: of a span, such as its best label.
    """
    last, run = "", list[Span]()
    for span in spans:
        own = name(span)
        if run and (own != last or span.start > run[-1].end + _TOUCHING_SECONDS):
            yield _joined(run)
            run = []
        last = own
        run.append(span)
    if run:
        yield _joined(run)


def _joined(run: Sequence[Span]) -> Span:
    """Spans that follow each other as one."""
    if len(run) == 1:
        return run[0]
    seconds = np.array([span.end - span.start for span in run])
    mean = np.average([span.vector for span in run], axis=0, weights=seconds)
    # Still windows have no dynamic vector; their mean has none either.
    length = float(np.linalg.norm(mean)) or 1.0
    drifts = [span.drift for span in run if span.drift is not None]
    drift = np.average(drifts, axis=0, weights=seconds) if drifts else None
    if drift is not None:  # no drift is longer than 1, whatever the windows' vectors leave of each other
        drift = (drift / max(length, float(np.linalg.norm(drift)))).astype(np.float32)
    return Span(run[0].start, run[-1].end, (mean / length).astype(np.float32), drift)
