"""What `zeroshot timeline --output` draws: a page or a picture of the videos' labels along time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import OptionError, OutputError, VideoError, printable
from zeroshot.store.folder import require_room, writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroshot.events.annotation_tools import VideoEvents
    from zeroshot.reports.document import Lanes
    from zeroshot.types import Segment

_FORMS = (".html", ".svg")
_MOST_FRAMES = 24  # of a strip
_OURS = b":root { --ink: "  # stands early in every page and picture of reports


class TimelinePicture:
    """Collects the segments of videos and draws them to a file at the end; to none where there is no file."""

    def __init__(self, output: str | None, decoder: str) -> None:
        """Nothing is read or written yet.

        Args:
            output: FILE.html or FILE.svg; None draws nothing.
            decoder: as --decoder; reads the frames above the lanes.
        """
        self.output = output
        self.decoder = decoder
        self._charts: list[Lanes] = []

    @property
    def is_drawn(self) -> bool:
        """Whether the name of the file asks for a picture or a page."""
        return self.output is not None and Path(self.output).suffix.lower() in _FORMS

    def require_form(self) -> None:
        """Refuse a file of another form.

        Raises:
            OptionError: it is one.
        """
        if self.output is not None and not self.is_drawn:
            raise OptionError(
                f"--output is {printable(self.output)}; expected a name that ends in .html or .svg"
            )

    def add(self, path: str, segments: Sequence[Segment]) -> None:
        """Draw one video; one without segments is left out.

        Args:
            path: of the video.
            segments: in time order.
        """
        if self.output is None or not segments:
            return
        from zeroshot.reports.lanes import lanes_of, strip_width

        width = strip_width([segment.predictions[0].label for segment in segments])
        self._charts.append(lanes_of(segments, self._strip(path, width), printable(path)))

    def add_events(self, video: VideoEvents) -> None:
        """Draw one video's events, a lane a label; one without any is left out."""
        if not self.is_drawn or not video.events:
            return
        from zeroshot.reports.document import Lane, Lanes, Stretch
        from zeroshot.reports.lanes import strip_width

        lanes: dict[str, list[Stretch]] = {}
        for one in video.events:
            stretch = Stretch(one.start_seconds, one.end_seconds, one.probability, leads=True)
            lanes.setdefault(one.label, []).append(stretch)
        shown = [Lane(name, stretches) for name, stretches in lanes.items()]
        strip = self._strip(video.path, strip_width(list(lanes)))
        end = max(video.duration_seconds, *(one.end_seconds for one in video.events))
        self._charts.append(Lanes(shown, end, strip, printable(video.path)))

    def _strip(self, path: str, width: int) -> bytes | None:
        """Frames of a video spread over its time, so many pixels in all; None where they cannot be read."""
        from zeroshot.reports.thumbnails import STRIP_HEIGHT, frame_strip
        from zeroshot.video.processes.reader import ClipReader
        from zeroshot.video.sampling import Sampling

        try:
            with ClipReader(1, decoder=self.decoder, shorter_side=STRIP_HEIGHT) as reader:
                info = reader.probe(path)
                number = round(width * info.height / (STRIP_HEIGHT * info.width))
                sampling = Sampling(num_frames=min(max(number, 1), _MOST_FRAMES))
                return frame_strip(reader.read(path, sampling)[0].frames, STRIP_HEIGHT, width)[0]
        except VideoError:
            return None  # its error stands in the output already

    def write(self) -> None:
        """Write the file, where one was asked for and anything is to be drawn.

        Raises:
            OutputError: it cannot be written there.
        """
        if self.output is None or not self._charts:
            return
        from zeroshot.reports.document import Document, Section
        from zeroshot.reports.html import page
        from zeroshot.reports.lanes import sheet
        from zeroshot.store.files import write_whole

        path = Path(self.output)
        is_page = path.suffix.lower() == ".html"
        drawn = page(Document("Timeline", [Section("", self._charts)])) if is_page else sheet(self._charts)
        write_whole(path, drawn.encode("utf-8", "backslashreplace"))


def require_picture_place(output: str | None) -> None:
    """Refuse a place where nothing can be written, or where something else stands; None is no place.

    Raises:
        OutputError: a folder, a file that was not drawn by this, or no room.
    """
    if output is None:
        return
    path = Path(output)
    with writable(path.parent):
        if path.exists() and not path.is_file():
            raise OutputError(f"{printable(output)} is no plain file; choose another --output")
        if path.exists() and _is_of_others(path):
            raise OutputError(
                f"{printable(output)} is there and is no picture of ours; choose another --output"
            )
    require_room(path.parent)


def _is_of_others(path: Path) -> bool:
    """Whether a file has something else in it."""
    with path.open("rb") as file:
        head = file.read(2000)
    return bool(head) and _OURS not in head
