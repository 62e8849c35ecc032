"""The events of a recorded video: windows joined as they are read, and ends looked at again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from zeroshot.errors import VideoError
from zeroshot.events.hysteresis import WINDOW_SECONDS, Hysteresis, Runs, events_of, window_of_events
from zeroshot.index.exact import probabilities
from zeroshot.index.stage_rows import STAGED_SCALE, staged_videos
from zeroshot.model.clip_queue import apart
from zeroshot.model.model import HoldsModel
from zeroshot.model.spans import spans_of
from zeroshot.types import Clip, Event, Prediction
from zeroshot.video.find import one_video
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import Stretch, is_path, name_of
from zeroshot.video.spool import on_disk

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from zeroshot.events.hysteresis import FoundEvent
    from zeroshot.events.watching import StreamEvent, Watching
    from zeroshot.index.index import LabelIndex
    from zeroshot.video.sampling import Window
    from zeroshot.video.source import VideoSource

    File = str | os.PathLike[str]

_DENSER = 2  # frames of the second look to those of the first, in a window of the same length
_STEPS = 8  # of windows of the second look in a window's length
_RISE = 0.1  # of probability by which a label must turn where it is said to
_REACH = 0.75  # of a window: how far from where levels turn frames may
_EXPLAINED = 0.5  # of how frames vary, by a cut between two of them: then that is where it turns
_REGIONS_KEPT = 4  # an event's end is often the next one's start: it is read once


class Rejects(Protocol):
    """Knows how far a video is none of the labels; see `rejection.Rejection`."""

    def num_ranked(self, k: int, num_labels: int) -> int:
        """How many labels have to be ranked where k are shown."""

    def kept_shares(
        self, ranked: Sequence[Sequence[Prediction]], vectors: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(n,) probability that n videos are any of the labels."""


class FindsEvents(HoldsModel):
    """What a model and an index of labels tell of time: levels of windows, and events.

    Attributes:
        model: embeds clips.
        index: the K labels and their embeddings.
        is_staged: whether labels say how they start and end, so that the order of the frames counts.
        rejection: what takes probability from all labels where none of them is seen; or None.
    """

    index: LabelIndex
    is_staged: bool
    rejection: Rejects | None = None

    def events(
        self,
        video: VideoSource,
        window_seconds: float = WINDOW_SECONDS,
        stride_seconds: float | None = None,
        *,
        rule: Hysteresis | None = None,
        refine: bool = True,
    ) -> Iterator[Event]:
        """Events of a video, in the order in which they end: stretches in which a label is on.

        Several labels may be on at a time, or none. They come while the video is being read; memory does not
        grow with its length.

        Args:
            video: path of a video file, its bytes or address, or a file that is open.
            window_seconds: of what is looked at at a time.
            stride_seconds: from window to window; None: half of one.
            rule: when a label is on; None: `Hysteresis()`, by probability. By the label's range the video is
                read to its end first, and ends are not refined.
            refine: look again where events begin and end, in windows closer together, and at frames.

        Raises:
            VideoError: the video cannot be decoded, or is no file.
            OptionError: a window that is not positive, or one label alone, which nothing is held against.
            LabelError: the rule has a threshold for what is no label.
        """
        window = window_of_events(window_seconds, stride_seconds)
        rule = rule or Hysteresis()
        rule.require(self.index.labels, rejects=self.rejection is not None)
        file = file_with_clock(video)
        if rule.level == "range" or rule.labels_per_video is not None:
            return self._events_of_all(file, window, rule)
        return self._events(file, window, rule, refine=refine)

    def watch(
        self,
        source: str | os.PathLike[str],
        *,
        watching: Watching | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[StreamEvent]:
        """Events of a source that goes on, as they begin and end, and what becomes of the source.

        Args:
            source: a device such as /dev/video0, an address (rtsp, http, tcp …), or a file that grows.
            watching: window, rule, lag and patience; None: the defaults.
            stop: once it is set, what is on is said to end, and no more comes.

        Raises:
            VideoError: the source cannot be opened; a file cannot be read any more.
            OptionError: one label alone, which nothing is held against.
            LabelError: the rule has a threshold for what is no label.
        """
        from zeroshot.events.watching import Watcher, Watching
        from zeroshot.video.live.source import live_source

        how = watching or Watching()
        how.rule.require(self.index.labels, rejects=self.rejection is not None)
        return Watcher(self, live_source(source), how, stop).events()

    def levels(
        self, vectors: NDArray[np.float32], drifts: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """(n, K) probabilities of every label for n windows, in the order of the index.

        Args:
            vectors: (n, D) unit rows.
            drifts: (n, D), which labels with stages need.
        """
        scores = self._scores(vectors, drifts)
        shares = probabilities(scores, self.model.logit_scale)
        if self.rejection is None:
            return shares
        labels = self.index.labels
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self.rejection.num_ranked(1, len(labels))]
        ranked = [
            [Prediction(labels[row], float(own[row]), float(chances[row])) for row in rows]
            for own, chances, rows in zip(scores, shares, order.tolist(), strict=True)
        ]
        kept = self.rejection.kept_shares(ranked, vectors)
        return np.asarray(shares * kept[:, None], np.float64)

    def _scores(
        self, vectors: NDArray[np.float32], drifts: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        if drifts is None:
            return self.index.scores(vectors)
        return self.index.scores(staged_videos(vectors, drifts)) * np.float32(STAGED_SCALE)

    def levels_of_clips(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """(n, K) probabilities of every label for n clips."""
        rows = self.model.embed_clips(clips, drifts=self.is_staged)
        return self.levels(*apart(rows)) if self.is_staged else self.levels(rows)

    def _events(self, file: File, window: Window, rule: Hysteresis, *, refine: bool) -> Iterator[Event]:
        high, low = rule.thresholds(self.index.labels)
        runs = Runs(high, low, rule.shortest_seconds)
        ends = _Ends(self, file, window) if refine else None
        for span in spans_of(self.model, file, window, drifts=self.is_staged):
            drifts = None if span.drift is None else span.drift[None]
            (levels,) = self.levels(span.vector[None], drifts)
            if ends is not None:
                ends.reached_seconds = span.end
            yield from self._told(runs.take((span.start, span.end), levels, levels)[1], ends, rule)
        yield from self._told(runs.finish(), ends, rule)

    def _told(self, found: list[FoundEvent], ends: _Ends | None, rule: Hysteresis) -> Iterator[Event]:
        # What shrinks to nothing was a window on a cut, whose two sides look like something else together.
        least = 0.0 if ends is None else ends.least_seconds
        for one in sorted(found, key=lambda each: (each.end, each.start)):
            event = Event(self.index.labels[one.label], one.start, one.end, one.score)
            if ends is not None:
                event = ends.refined(event, one.label)
            if event.end_seconds - event.start_seconds >= max(rule.shortest_seconds, least):
                yield event

    def _events_of_all(self, file: File, window: Window, rule: Hysteresis) -> Iterator[Event]:
        spans = list(spans_of(self.model, file, window, drifts=self.is_staged))
        if not spans:
            return
        drifts = (
            np.stack([span.drift for span in spans if span.drift is not None]) if self.is_staged else None
        )
        scores = self._scores(np.stack([span.vector for span in spans]), drifts)
        times = np.array([(span.start, span.end) for span in spans], np.float64)
        found = events_of(times, scores, self.model.logit_scale, rule, self.index.labels)
        yield from self._told(found, None, rule)


class _Region(NamedTuple):
    """What lies around a moment.

    Attributes:
        centres: (n,) of windows, in seconds.
        levels: (n, K) of every label in each.
        length: of a window.
        moments: (m,) of frames.
        frames: (m, D) their own vectors.
    """

    centres: NDArray[np.float64]
    levels: NDArray[np.float64]
    length: float
    moments: NDArray[np.float64]
    frames: NDArray[np.float64]


class _Ends:
    """Looks again at where events begin and end: there the windows are closer together."""

    def __init__(self, finder: FindsEvents, file: File, window: Window) -> None:
        """Nothing is read yet.

        Args:
            finder: looks at windows.
            file: the video.
            window: of the first pass.
        """
        self._finder, self._file, self._window = finder, file, window
        self._known: dict[float, _Region] = {}
        self.reached_seconds = 0.0
        self.least_seconds = window.length_seconds / _STEPS

    def refined(self, event: Event, label: int) -> Event:
        """The event with its ends where the label turns on and off, as finer windows tell."""
        half = (event.start_seconds + event.end_seconds) / 2
        start, end = event.start_seconds, event.end_seconds
        if start > 0:
            start = self._turn(start, label, (-np.inf, half), rises=True)
        if end < self.reached_seconds - 1e-6:
            end = self._turn(end, label, (half, np.inf), rises=False)
        return replace(event, start_seconds=start, end_seconds=max(start, end))

    def _turn(self, around: float, label: int, bounds: tuple[float, float], *, rises: bool) -> float:
        """The moment that best parts windows in which the label is off from those in which it is on.

        Best: its lead over the label that takes turns with it differs least from its mean on either side. So
        windows that show both, and are sure of neither, count for neither. Where the frames within reach
        change at one place, it is there.
        """
        region = self._looked_at(around)
        inside = (region.centres >= bounds[0]) & (region.centres <= bounds[1])
        centres, levels = region.centres[inside], region.levels[inside]
        if len(centres) < 2:
            return around
        sign = 1 if rises else -1
        own = sign * levels[:, label]
        place, _ = _parted(own[:, None])
        if own[place:].mean() - own[:place].mean() < _RISE:
            return around  # it does not turn within reach: the first pass knows better
        off = levels[:place] if rises else levels[place:]
        others = off.mean(0)
        others[label] = -1.0
        place, _ = _parted((own - sign * levels[:, int(others.argmax())])[:, None])
        turn = float((centres[place - 1] + centres[place]) / 2)
        near = np.abs(region.moments - turn) <= _REACH * region.length
        moments, frames = region.moments[near], region.frames[near]
        if len(moments) < 2:
            return turn
        place, share = _parted(frames)
        return float((moments[place - 1] + moments[place]) / 2) if share >= _EXPLAINED else turn

    def _looked_at(self, around: float) -> _Region:
        """What lies around a moment, read once."""
        key = round(around, 3)
        if key not in self._known:
            while len(self._known) >= _REGIONS_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = self._look(around)
        return self._known[key]

    def _look(self, around: float) -> _Region:
        """One pass over the frames of two windows of the first look, cut into windows closer together."""
        reach = self._window.length_seconds
        start, end = max(0.0, around - reach), min(around + reach, max(self.reached_seconds, around))
        model = self._finder.model
        num_frames = model.sampling.num_frames
        views = _DENSER * max(1, round((end - start) / reach))
        clips = model.clips_of(Stretch(str(self._file), start, end), Sampling(num_frames, num_views=views))
        frames = np.concatenate([clip.frames for clip in clips])
        seconds = np.concatenate([clip.seconds for clip in clips])
        # View v holds each v-th of evenly spread moments: frame i of view v is moment i · V + v.
        order = np.arange(len(seconds)).reshape(views, num_frames).T.reshape(-1)
        step, width = float(end - start) / len(order), _DENSER * num_frames
        firsts = range(0, len(order) - width + 1, max(1, width // _STEPS))
        rows = [order[first : first + width : _DENSER] for first in firsts]
        centres = np.array([start + step * (first + width / 2) for first in firsts], dtype=np.float64)
        levels = self._finder.levels_of_clips([Clip(frames[row], seconds[row]) for row in rows])
        moments = np.linspace(start, end, len(order), endpoint=False, dtype=np.float64) + step / 2
        if model.backbone.facts.clip_frames is not None:  # no vectors of frames: windows alone tell the turn
            return _Region(centres, levels, step * width, np.zeros(0), np.zeros((0, 0)))
        vectors = model.embed_frames(frames[order]).astype(np.float64)
        return _Region(centres, levels, step * width, moments.astype(np.float64), vectors)


def _parted(rows: NDArray[np.float64]) -> tuple[int, float]:
    """Where n ≥ 2 rows are best parted in two runs, and the share of their variance that this explains.

    Args:
        rows: (n, D), in time order.
    """
    number = len(rows)
    before = np.arange(1, number)[:, None]
    sums = np.cumsum(rows, axis=0)
    steps = (sums[-1] - sums[:-1]) / (number - before) - sums[:-1] / before
    gains = (before * (number - before) / number)[:, 0] * np.square(steps).sum(1)
    total = float(np.square(rows - rows.mean(0)).sum())
    place = int(np.argmax(gains))
    return place + 1, float(gains[place]) / total if total > 0 else 0.0


def file_with_clock(video: VideoSource) -> File:
    """The file of a video that has a time axis; what lies elsewhere is fetched first.

    Raises:
        VideoError: it is frames in memory, or a list of pictures.
    """
    file = on_disk(one_video(video))
    if not is_path(file):
        raise VideoError(f"{name_of(video)} has no clock; a timeline needs a video file")
    return file
