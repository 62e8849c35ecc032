"""What `zeroshot timeline --events` tells: when each label begins and ends, printed or as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.cli.screen import clock, put_csv, put_json, put_line, say
from zeroshot.cli.timeline_picture import require_picture_place
from zeroshot.errors import OptionError, OutputError, VideoError, counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.checks import Checks
    from zeroshot.classifier import Classifier
    from zeroshot.cli.timeline_picture import TimelinePicture
    from zeroshot.events.annotation_tools import VideoEvents
    from zeroshot.events.hysteresis import Hysteresis
    from zeroshot.index.index import LabelIndex
    from zeroshot.types import Event, Prompts
    from zeroshot.video.processes.reader import ClipReader
    from zeroshot.video.sampling import Window

_KEPT = 2 / 3  # of the probability that begins an event: what keeps it


@dataclass(frozen=True)
class EventWords:
    """What the command line says of events.

    Attributes:
        on: as --on.
        shortest: as --shortest.
        coarse: as --coarse.
        file_format: as --format.
    """

    on: tuple[str, ...] = ()
    shortest: float = 0.0
    coarse: bool = False
    file_format: str | None = None

    def require_none(self) -> None:
        """Refuse what has no meaning without --events.

        Raises:
            OptionError: something is given.
        """
        given = {"on": self.on, "shortest": self.shortest, "coarse": self.coarse, "format": self.file_format}
        if word := next((name for name, value in given.items() if value), None):
            raise OptionError(f"--{word} is about events; add --events")

    def rule(self) -> Hysteresis:
        """When a label is on.

        Raises:
            OptionError: a threshold that is no probability.
        """
        return rule_from(self.on, self.shortest)


def rule_from(on: tuple[str, ...], shortest: float) -> Hysteresis:
    """The rule of thresholds as they are typed: `0.6`, or `LABEL: 0.6`.

    Raises:
        OptionError: one is no probability.
    """
    from zeroshot.events.hysteresis import Hysteresis

    high, of_labels = Hysteresis.high, dict[str, float]()
    for word in on:
        label, _, number = word.rpartition(":")
        try:
            share = float(number)
        except ValueError:
            raise OptionError(
                f'--on is {printable(word)}; expected a probability, or a label and one, as "falling: 0.6"'
            ) from None
        if not 0 < share <= 1:
            raise OptionError(f"--on is {printable(word)}; expected a probability above 0, to 1")
        if label.strip():
            of_labels[label.strip()] = share
        else:
            high = share
    return Hysteresis(high, high * _KEPT, shortest_seconds=shortest, on=of_labels)


def require_plain(k: int, *, merge: bool) -> None:
    """Refuse what has no meaning for events.

    Raises:
        OptionError: it is given.
    """
    if merge or k != 1:
        raise OptionError(f"--events with {'--merge' if merge else '-k'}, which is about segments; give one")


def events_asked(
    first: Checks,
    words: Callable[[], Prompts | LabelIndex],
    asked: EventWords,
    window: tuple[float | None, float | None],
    picture: TimelinePicture,
    *,
    rejects: bool = False,
) -> Callable[[], EventsAsked]:
    """What tells of events; there once `first` has run.

    Raises:
        OptionError: when it runs, a threshold, window or format that cannot be.
        LabelError: when it runs, a threshold of what is no label.
    """
    from zeroshot.events.hysteresis import window_of_events

    rule = first.add("options", asked.rule)
    stretch = first.add("options", lambda: window_of_events(*window))
    told = first.add("options", lambda: EventsAsked(rule(), stretch(), asked, picture))
    first.add("files", lambda: rule().require(words().labels, rejects=rejects))
    return told


class EventsAsked:
    """The events of videos, printed as each is done, and kept for a file where one is asked for."""

    noun = "events"

    def __init__(self, rule: Hysteresis, window: Window, asked: EventWords, picture: TimelinePicture) -> None:
        """Nothing is read yet.

        Args:
            rule: when a label is on.
            window: of the first look.
            asked: the options.
            picture: of what --output names; another kind of file may be meant.

        Raises:
            OptionError: an unknown format, or a file of none.
        """
        from zeroshot.events.formats import COLUMNS, format_named, format_of

        self.columns = COLUMNS
        self._rule, self._window, self._refine = rule, window, not asked.coarse
        self._output, self._picture = picture.output, picture
        self._format = None if asked.file_format is None else format_named(asked.file_format)
        if self._format is None and self._output is not None and not picture.is_drawn:
            self._format = format_of(self._output)
        self._kept: list[VideoEvents] = []
        self._labels: tuple[str, ...] = ()
        self._reader: ClipReader | None = None

    def require_place(self, num_videos: int) -> None:
        """Refuse a place that cannot be written, or that holds something, and several videos for one file.

        Raises:
            OutputError: a place.
            OptionError: several videos.
        """
        if self._format is not None and self._format.one_video and num_videos > 1:
            raise OptionError(
                f"a {self._format.suffix} file holds the events of one video, and "
                f"{counted(num_videos, 'video')} are named; name one, or choose another --format"
            )
        if self._format is None or self._output is None:
            require_picture_place(self._output)
            return
        from zeroshot.store.folder import require_room, writable

        path = Path(self._output)
        with writable(path.parent):
            if path.exists() and (not path.is_file() or path.stat().st_size):
                raise OutputError(f"{printable(path)} is there already; choose another --output")
        require_room(path.parent)

    def put_unfound(self, word: str, why: str, form: str) -> None:
        """The row of a word that names no video."""
        from zeroshot.events.annotation_tools import VideoEvents

        self._put(VideoEvents(word, (), error=why), form)

    def one(self, classifier: Classifier, path: str, form: str) -> str | None:
        """Print the events of one video, in the order in which they begin; gives its error, or None."""
        from zeroshot.events.annotation_tools import VideoEvents

        self._labels = classifier.labels
        found: list[Event] = []
        duration = fps = 0.0
        error: str | None = None
        length, stride = self._window.length_seconds, self._window.stride_seconds
        try:
            info = self._ready_reader().probe(path)
            duration, fps = info.duration_seconds, info.fps
            found.extend(classifier.events(path, length, stride, rule=self._rule, refine=self._refine))
        except VideoError as failure:
            error = str(failure)
        events = tuple(sorted(found, key=lambda each: each.start_seconds))
        self._put(VideoEvents(path, events, duration, fps, error), form)
        return error

    def _ready_reader(self) -> ClipReader:
        from zeroshot.video.processes.reader import ClipReader

        if self._reader is None:
            self._reader = ClipReader(1, decoder=self._picture.decoder)
        return self._reader

    def _put(self, video: VideoEvents, form: str) -> None:
        """Print a video, and keep it for the file."""
        if self._output is not None or self._format is not None:
            self._kept.append(video)
            self._picture.add_events(video)
        if self._format is not None and self._output is None:
            form = "file"
        if form == "json":
            from zeroshot.events.formats import json_row

            put_json(json_row(video))
        elif form == "csv":
            from zeroshot.events.formats import csv_rows

            for row in csv_rows(video):
                put_csv(*row)
        else:
            _put_text(video, shown=form == "text")

    def write(self) -> None:
        """Write the file, or print what it would hold where no file is named."""
        if self._reader is not None:
            self._reader.close()
        if self._format is None:
            self._picture.write()
            return
        from zeroshot.store.files import write_whole

        text = self._format.write(self._kept, self._labels)
        if self._output is None:
            put_line(text.rstrip("\n"))
        elif self._kept:
            write_whole(Path(self._output), text.encode("utf-8", "backslashreplace"))


def _put_text(video: VideoEvents, *, shown: bool) -> None:
    """A line an event, and one where no label is on; errors on stderr."""
    if video.error is not None:
        say(video.error)
    if not shown or (video.error is not None and not video.events):
        return
    put_line(printable(video.path))
    lines = [
        (each.start_seconds, each.end_seconds, f"{each.label} {each.probability:.1%}")
        for each in video.events
    ]
    lines += [(start, end, "–") for start, end in video.gaps()] if video.error is None else []
    for start, end, words in sorted(lines):
        put_line(f"  {clock(start)} – {clock(end)}  {words}")
