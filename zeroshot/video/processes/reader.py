"""Decoding in processes that can be killed: a file that hangs or crashes a decoder costs that file alone."""

from __future__ import annotations

import os
import weakref
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot.errors import OptionError, VideoError, require_number, require_whole
from zeroshot.types import Clip, Closes
from zeroshot.video.decoders.all_frames import Film, film_from_frames
from zeroshot.video.decoders.by_name import require_decoder
from zeroshot.video.decoders.decode import VideoInfo
from zeroshot.video.pictures import MOST_PIXELS, PictureFile
from zeroshot.video.processes.fetching import here, then
from zeroshot.video.processes.messages import Begun, Job, clips_in, in_order
from zeroshot.video.processes.pool import MEMORY_LIMIT_BYTES, Crew, Limits, threads_each
from zeroshot.video.processes.reading_notes import SnapTally, break_off_note
from zeroshot.video.processes.windows import Asked, Look, ReadVideo, WindowGroup, in_groups, measured
from zeroshot.video.source import (
    FRAMES_FPS,
    MaskFile,
    Stretch,
    clips_from_frames,
    is_path,
    lies_here,
    name_of,
    picture_paths,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from zeroshot.video.processes.messages import Line, Message
    from zeroshot.video.sampling import Sampling, Window
    from zeroshot.video.source import VideoSource

    Read = tuple[VideoSource, tuple[Clip, ...] | VideoError]


MOST_WORKERS = 256
"""Decoding processes of one reader: more are a slip of the hand, and would take the machine's memory."""

_MOST_NOTED = 100_000  # videos that break off: a server reads for ever


class ClipReader(Closes):
    """Clips of videos, decoded ahead in child processes that are replaced when a file kills them.

    All that lies on a disk is opened there: video files, folders of frames, pictures. The children start with
    the first file, without torch, import nothing from the working folder, and print nothing. A context
    manager; `close` ends them, and so does the end of this process. Not for several threads at once.
    """

    def __init__(
        self,
        num_workers: int = 2,
        *,
        time_limit_seconds: float = 60.0,
        memory_limit_bytes: int | None = MEMORY_LIMIT_BYTES,
        decoder: str = "auto",
        shorter_side: int | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            num_workers: children that decode at the same time.
            time_limit_seconds: of processor time for one file and thread; then it is given up. So is one at
                which a child does nothing for so long, or which takes twenty times as long by the clock.
            memory_limit_bytes: of address space a child, where the system has such a limit; None for none.
                Eight frames of 8K video take well under the default of 8 GiB.
            decoder: see `decode.read_clips`.
            shorter_side: see `decode.read_clips`.

        Raises:
            OptionError: a number below what makes sense, or an unknown decoder.
        """
        require_whole("num_workers", num_workers, 1, MOST_WORKERS)
        require_number("time_limit_seconds", time_limit_seconds)
        if not time_limit_seconds > 0:
            raise OptionError(f"time_limit_seconds is {time_limit_seconds}; expected a number above 0")
        if memory_limit_bytes is not None:
            require_whole("memory_limit_bytes", memory_limit_bytes, 1 << 29)
        require_decoder(decoder)
        self.num_workers = num_workers
        threads = threads_each(num_workers)
        self._limits = Limits(time_limit_seconds, memory_limit_bytes, decoder, shorter_side, threads)
        self._crew: Crew | None = None
        self.break_offs: dict[str, float] = {}

    @cached_property
    def snaps(self) -> SnapTally:
        """What became of clips that were sampled with key frames."""
        return SnapTally()

    @property
    def notes(self) -> tuple[str, ...]:
        """How far key frames moved the moments, and which videos broke off, a line each where any did."""
        snapped = (self.snaps.note(),) if "snaps" in vars(self) else ()
        return (*snapped, break_off_note(self.break_offs)) if self.break_offs else snapped

    def close(self) -> None:
        """End the children; what they were at is lost. A later call starts new ones."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close()

    def read(self, source: VideoSource, sampling: Sampling) -> tuple[Clip, ...]:
        """V clips of T frames.

        Args:
            source: see `VideoSource`.
            sampling: which moments.

        Raises:
            VideoError: one line that names the source and says what is wrong with it.
            OptionError: the window lies behind the end of the video.
        """
        return self._clips(source, sampling, self._begin(source, sampling))

    def read_many(self, sources: Iterable[VideoSource], sampling: Sampling) -> Iterator[Read]:
        """Each source with its clips or its error, in the order given, decoded a little ahead of the caller.

        Args:
            sources: any mixture; taken one by one as places become free.
            sampling: which moments.
        """

        def finished(source: VideoSource, future: Future[Message] | None) -> Read:
            try:
                return source, self._clips(source, sampling, future)
            except VideoError as error:
                return source, error
            except OptionError as error:
                return source, VideoError(f"cannot sample {name_of(source)}: {error}")

        def begun() -> Iterator[Begun[Read]]:
            for source in sources:
                future = self._begin(source, sampling)
                yield Begun(partial(finished, source, future), (future,))

        return in_order(begun(), 2 * self.num_workers)

    def _begin(self, source: VideoSource, sampling: Sampling) -> Future[Message] | None:
        """Hand a file to a child; None: frames in memory, which wait until they are asked for."""
        return self._dispatch("clips", source, {"sampling": asdict(sampling)})

    def _clips(
        self, source: VideoSource, sampling: Sampling, future: Future[Message] | None
    ) -> tuple[Clip, ...]:
        """What a child sends, or what frames in memory are made into here; counted."""
        self.break_offs.pop(name_of(source), None)  # of an earlier reading, before it was mended
        clips = clips_from_frames(source, sampling) if future is None else clips_in(future.result())
        return self._counted(name_of(source), clips, sampling.frames)

    def _counted(self, name: str, clips: tuple[Clip, ...], frames: str) -> tuple[Clip, ...]:
        """The clips; how far key frames moved, and where a video breaks off, is noted."""
        ends = [clip.end_seconds for clip in clips if clip.end_seconds is not None]
        if ends:
            self.break_offs[name] = max(ends)
            if len(self.break_offs) > _MOST_NOTED:
                del self.break_offs[next(iter(self.break_offs))]
        if frames == "keyframes":
            self.snaps.add(name, clips)
        return clips

    def read_windows(
        self,
        path: str | os.PathLike[str],
        windows: Sequence[tuple[float, float]],
        num_frames: int,
        frames: str = "even",
    ) -> tuple[Clip, ...]:
        """One clip of T frames a window; see `decode.read_windows`.

        Raises:
            VideoError: as in `read`.
            OptionError: a window lies behind the end of the video.
        """
        future = self._submit_windows(path, Asked(tuple(windows)), Look(num_frames, frames))
        return self._counted(name_of(path), clips_in(future.result()), frames)

    def read_moments(self, path: str | os.PathLike[str], seconds: Sequence[float]) -> Clip:
        """The frames shown at T moments; see `decode.read_moments`.

        Raises:
            VideoError: as in `read`.
        """
        future = self._submit("moments", path, (path,), {"seconds": list(seconds)})
        return clips_in(future.result())[0]

    def read_many_windows(
        self,
        paths: Iterable[VideoSource],
        window: Window,
        num_frames: int,
        windows_at_once: int = 8,
        *,
        frames: str = "even",
    ) -> Iterator[WindowGroup]:
        """The windows of each video, group by group in time order, decoded a little ahead of the caller.

        A video ends with its last group, or with a group that holds the error that ended it.

        Args:
            paths: of video files, or their bytes or addresses; taken one by one as places become free.
            window: how long, and how far apart.
            num_frames: T, as in `read_windows`.
            windows_at_once: windows in a group; bounds the memory of a long video.
            frames: as `Sampling.frames`.
        """

        def probed() -> Iterator[Begun[ReadVideo]]:
            for path in paths:
                place = here(path)
                future = self._after(place, "probe", {}, keep=True)
                yield Begun(partial(measured, path, place, future), (future,))

        def begun() -> Iterator[Begun[WindowGroup | None]]:
            for video in in_order(probed(), self.num_workers):
                if video.error is not None:
                    yield Begun(partial(WindowGroup, video.path, (), video.error, is_last=True))
                self.break_offs.pop(name_of(video.path), None)  # of an earlier reading, before it was mended
                groups = in_groups(window.over(video.duration_seconds), windows_at_once)
                yield from self._begin_windows(video, groups, look)

        look = Look(num_frames, frames)
        try:
            for group in in_order(begun(), 2 * self.num_workers):
                if group is not None:
                    yield group
        finally:
            if self._crew is not None and self._crew.owner == os.getpid():
                self._crew.release()

    def _begin_windows(
        self, video: ReadVideo, groups: Iterator[Asked], look: Look
    ) -> Iterator[Begun[WindowGroup | None]]:
        """Hand the windows of a video to the children, group by group, until one fails."""
        for asked in groups:
            if video.error is not None:
                return
            future = self._submit_windows(video.file, asked, look, video.line, keep=True)
            yield Begun(partial(self._finished_group, video, asked, future, look.frames), (future,))

    def _finished_group(
        self, video: ReadVideo, asked: Asked, future: Future[Message], frames: str
    ) -> WindowGroup | None:
        """The group; None where its video has failed before; an error makes it the last one."""
        if video.error is not None:
            future.cancel()
            return None
        try:
            clips = self._counted(name_of(video.path), clips_in(future.result()), frames)
        except (VideoError, OptionError) as error:
            video.error = VideoError(str(error))
            return WindowGroup(video.path, asked.windows, video.error, is_last=True)
        return WindowGroup(video.path, asked.windows, clips, asked.is_last)

    def read_films(
        self, groups: Iterable[Sequence[VideoSource]], end_seconds: float, largest_side: int
    ) -> Generator[list[Film | VideoError], None, None]:
        """Every frame of each video of a group, or its error, group after group, decoded a little ahead.

        Args:
            groups: videos that are needed together, and masks as `MaskFile`s: films whose three channels are
                the levels. A `PictureFile` is a film of one frame that is not reduced.
            end_seconds: see `all_frames.read_film`.
            largest_side: see `all_frames.read_film`.
        """

        def submitted(source: VideoSource) -> Future[Message] | None:
            return self._submit_film(source, end_seconds, largest_side)

        def finished(pairs: Sequence[tuple[VideoSource, Future[Message] | None]]) -> list[Film | VideoError]:
            return [_film_of(source, future, end_seconds, largest_side) for source, future in pairs]

        def begun() -> Iterator[Begun[list[Film | VideoError]]]:
            for group in groups:
                pairs = [(source, submitted(source)) for source in group]
                yield Begun(partial(finished, pairs), tuple(future for _, future in pairs))

        return in_order(begun(), self.num_workers)

    def _submit_film(
        self, source: VideoSource, end_seconds: float, largest_side: int
    ) -> Future[Message] | None:
        """Ask for every frame; None: frames in memory."""
        options: dict[str, Any] = {"end_seconds": end_seconds, "largest_side": largest_side}
        if isinstance(source, MaskFile):
            return self._submit("mask", source, (source,), options)
        if isinstance(source, PictureFile):
            options |= {"largest_side": MOST_PIXELS, "pictures": True, "stretch": None}
            return self._submit("film", source, (source,), options)
        return self._dispatch("film", source, options)

    def _dispatch(self, kind: str, source: VideoSource, options: dict[str, Any]) -> Future[Message] | None:
        """Hand a source to a child, whatever it is; None: frames in memory, which need none.

        Args:
            kind: of the job.
            source: see `VideoSource`.
            options: of the job, but for what part of the source it is about.
        """
        if not lies_here(source):
            return self._after(here(source), kind, options)
        options = {**options, "stretch": None, "pictures": False}
        if isinstance(source, Stretch):
            options["stretch"] = [source.start_seconds, source.end_seconds]
            return self._submit(kind, source, (source.path,), options)
        if is_path(source):
            return self._submit(kind, source, (source,), options)
        paths = picture_paths(source)
        return self._submit(kind, source, paths, {**options, "pictures": True}) if paths else None

    def _after(
        self, place: Future[Any], kind: str, options: dict[str, Any], *, keep: bool = False
    ) -> Future[Message]:
        """Hand a file to a child once it is here; threads that fetch make no children of their own."""
        crew, options = self._ready_crew(), {**options, "stretch": None, "pictures": False}

        def hand(file: str | os.PathLike[str]) -> Future[Message]:
            if self._crew is not crew:
                raise VideoError("the reader was closed while videos waited for it; keep it open")
            return self._submit(kind, file, (file,), options)

        return then(place, hand, keep=keep)

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """Duration, size, rate, codec and rotation of a file.

        Raises:
            VideoError: as in `read`.
        """
        header = self._submit("probe", path, (path,), {}).result().header
        return replace(VideoInfo(**header["info"]), path=os.fspath(path))

    def _submit_windows(
        self,
        path: str | os.PathLike[str],
        asked: Asked,
        look: Look,
        line: Line | None = None,
        *,
        keep: bool = False,
    ) -> Future[Message]:
        """Ask for one clip a window; the file may stay open for more of them."""
        options = {"windows": asked.windows, "ahead": asked.ahead, "keep": keep, **asdict(look)}
        return self._submit("windows", path, (path,), options, line)

    def _submit(
        self,
        kind: str,
        source: VideoSource,
        paths: Sequence[str | os.PathLike[str]],
        options: dict[str, Any],
        line: Line | None = None,
    ) -> Future[Message]:
        """Hand a job to the next free child, or to the one that has the others of its line."""
        files, shown = tuple(os.fspath(path) for path in paths), tuple(name_of(path) for path in paths)
        job = Job(kind, name_of(source), files, shown, options, line, is_ahead=options.get("keep", False))
        return self._ready_crew().submit(job)

    def _ready_crew(self) -> Crew:
        """The children, who start when there is work for them."""
        if self._crew is None or self._crew.owner != os.getpid():
            self._crew = Crew(self.num_workers, self._limits)
            weakref.finalize(self, self._crew.close)  # also at exit, where nobody has closed it
        return self._crew


def _film_of(
    source: VideoSource, future: Future[Message] | None, end_seconds: float, largest_side: int
) -> Film | VideoError:
    """The film that a child sends, or that frames in memory are."""
    try:
        if future is None:
            return film_from_frames(source, end_seconds, largest_side)
        reply = future.result()
        height, width = reply.header["native_size"]
        if isinstance(source, MaskFile):
            (levels,) = reply.arrays
            count, *size = levels.shape
            frames = np.broadcast_to(levels[:, None], (count, 3, *size))
            return Film(Clip(frames, np.arange(count) / FRAMES_FPS), FRAMES_FPS, (height, width))
        return Film(clips_in(reply)[0], reply.header["fps"], (height, width), reply.header["whole"])
    except VideoError as error:
        return error
