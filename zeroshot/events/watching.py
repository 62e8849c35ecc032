"""A source that goes on, watched: events as they begin and end, whatever becomes of the source."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from zeroshot.errors import OptionError, VideoError, require_number, require_whole
from zeroshot.events.hysteresis import Hysteresis, Runs, window_of_events
from zeroshot.video.live.reader import LiveLook, LiveReader, windows_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from zeroshot.events.hysteresis import FoundEvent
    from zeroshot.index.index import LabelIndex
    from zeroshot.model.model import Model
    from zeroshot.types import Clip
    from zeroshot.video.live.reader import LiveWindows
    from zeroshot.video.live.source import LiveSource
    from zeroshot.video.processes.messages import Message
    from zeroshot.video.sampling import Window

_LOOK_SECONDS = 0.2  # from one look at whether to stop to the next
_LONGEST_WAIT_SECONDS = 30.0  # between two attempts to reach a source


@dataclass(frozen=True)
class Watching:
    """How a source that goes on is watched.

    Attributes:
        window: what is looked at at a time; two seconds, every second.
        rule: when a label is on, by probability.
        lag_seconds: of video that may wait to be looked at. Where the machine is too slow for the source,
            frames are dropped and counted, so that events are told late by no more than about that.
        patience_seconds: without a picture, after which an address or device counts as lost and is tried
            again, and a file as finished.
        retries: how often in a row a lost source is tried again, 1 s after it was lost, then 2, 4, … 30;
            None: for ever.
    """

    window: Window = field(default_factory=lambda: window_of_events(None))
    rule: Hysteresis = field(default_factory=Hysteresis)
    lag_seconds: float = 10.0
    patience_seconds: float = 10.0
    retries: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be kept to."""
        for name in ("lag_seconds", "patience_seconds"):
            require_number(name, getattr(self, name))
            if not getattr(self, name) > 0:
                raise OptionError(f"{name} is {getattr(self, name)}; expected a number above 0")
        if self.retries is not None:
            require_whole("retries", self.retries, 0)
        if self.rule.level != "probability" or self.rule.labels_per_video is not None:
            raise OptionError(
                "what goes on has no best labels of all its time; take a rule by probability, for all labels"
            )


@dataclass(frozen=True)
class StreamEvent:
    """Something that is to be told of a source that goes on.

    Attributes:
        kind: "begin" and "end" of an event; "connected" and "lost": the source; "dropped": frames were, for
            lack of time; "stopped": nothing follows.
        seconds: when it is, from the first frame: where the event begins or ends.
        label: of the event.
        start_seconds: where the event that ends began.
        probability: of the label, averaged over the windows so far.
        time: the same moment by the clock on the wall, UTC; None for files.
        lag_seconds: how far what is told lies behind the newest frame that was sent.
        received: frames that the source has sent in all.
        dropped: of these were not looked at.
        words: why a source was lost, or ended.
    """

    kind: str
    seconds: float
    label: str | None = None
    start_seconds: float | None = None
    probability: float | None = None
    time: str | None = None
    lag_seconds: float = 0.0
    received: int = 0
    dropped: int = 0
    words: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row that JSON output carries: what there is to say."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Looking(Protocol):
    """Looks at windows, as a `Classifier` does.

    Attributes:
        model: embeds clips.
        index: of the K labels.
    """

    model: Model
    index: LabelIndex

    def levels_of_clips(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """(n, K) probabilities of every label for n clips."""


class Watcher:
    """Watches one source until it ends or somebody stops it."""

    def __init__(
        self, finder: Looking, source: LiveSource, how: Watching, stop: threading.Event | None = None
    ) -> None:
        """Nothing is opened yet.

        Args:
            finder: looks at windows.
            source: is watched.
            how: see `Watching`.
            stop: see `Classifier.watch`.
        """
        self._finder, self._source, self._how = finder, source, how
        self._stop = stop or threading.Event()
        self._labels = finder.index.labels
        self._runs = Runs(*how.rule.thresholds(self._labels), how.rule.shortest_seconds)
        self._began: float | None = None  # on the monotonic clock, when the first source was open
        self._wall = 0.0
        self._base = self._seconds = self._lag = 0.0
        self._before = self._counts = (0, 0)  # frames received and dropped: in earlier connections, in all
        self._failures = 0
        self._words = "it was stopped"

    def events(self) -> Iterator[StreamEvent]:
        """As `Classifier.watch`."""
        while not self._stop.is_set():
            try:
                yield from self._connection()
            except VideoError as error:
                if self._began is None or self._source.kind == "file":
                    raise
                self._words = str(error)
            yield from map(self._end, self._runs.finish())
            if self._source.kind == "file" or self._stop.is_set():
                break
            self._failures += 1
            yield self._told("lost", self._seconds, words=self._words)
            if self._how.retries is not None and self._failures > self._how.retries:
                break
            self._stop.wait(min(_LONGEST_WAIT_SECONDS, 2.0 ** (self._failures - 1)))
        yield self._told("stopped", self._seconds, words=self._words)

    def _connection(self) -> Iterator[StreamEvent]:
        """What is told while the source stays."""
        model = self._finder.model
        shorter_side = model.backbone.preprocess.shorter_side
        how, num_frames = self._how, model.sampling.num_frames
        look = LiveLook(how.window, num_frames, shorter_side, how.lag_seconds, how.patience_seconds)
        reader = LiveReader(self._source, look)
        try:
            if self._waited(reader.opened) is None:
                return
            self._open()
            yield self._told("connected", self._base)
            promised = reader.ask()
            while (reply := self._waited(promised)) is not None:
                got = windows_in(reply)
                if not got.is_over:
                    promised = reader.ask()  # the child decodes while the network works
                yield from self._looked_at(got)
                if got.is_over:
                    self._words = got.words
                    return
        finally:
            reader.close()

    def _open(self) -> None:
        """A connection is there: its clock goes on from where the time is."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._wall = now, time.time()
        self._base = now - self._began
        self._before = self._counts

    def _waited(self, promised: Future[Message]) -> Message | None:
        """A reply; None where somebody stops us first."""
        while not self._stop.is_set():
            try:
                return promised.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                continue
        self._words = "it was stopped"
        return None

    def _looked_at(self, got: LiveWindows) -> Iterator[StreamEvent]:
        """What the windows of an answer begin and end."""
        dropped = self._before[1] + got.dropped
        fell_behind = dropped > self._counts[1]
        self._counts, self._lag = (self._before[0] + got.received, dropped), got.lag_seconds
        if fell_behind:
            yield self._told("dropped", self._seconds)
        if not got.clips:
            return
        self._failures = 0
        levels = self._finder.levels_of_clips(got.clips)
        for (start, end), row in zip(got.windows, levels, strict=True):
            self._seconds = self._base + end
            begun, ended = self._runs.take((self._base + start, self._seconds), row, row)
            yield from map(self._end, ended)
            for one in begun:
                yield self._told("begin", one.start, self._labels[one.label], None, one.score)

    def _end(self, one: FoundEvent) -> StreamEvent:
        return self._told("end", one.end, self._labels[one.label], one.start, one.score)

    def _told(
        self,
        kind: str,
        seconds: float,
        label: str | None = None,
        start_seconds: float | None = None,
        probability: float | None = None,
        words: str | None = None,
    ) -> StreamEvent:
        moment = None
        if self._source.kind != "file" and self._began is not None:
            moment = datetime.fromtimestamp(self._wall + seconds, UTC).isoformat(timespec="milliseconds")
        event = (kind, round(seconds, 3), label, start_seconds, probability, moment)
        return StreamEvent(*event, round(self._lag, 3), *self._counts, words)
