"""Decoding in processes that can be killed: a file that hangs or crashes a decoder costs that file alone."""

from __future__ import annotations

import os
import weakref
from collections import deque
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from zeroshot.errors import OptionError, VideoError
from zeroshot.types import Clip
from zeroshot.video.decoders.all_frames import Film, film_from_frames
from zeroshot.video.decoders.decode import DECODERS, VideoInfo
from zeroshot.video.processes.key_frame_tally import SnapTally
from zeroshot.video.processes.pool import Crew, Limits
from zeroshot.video.source import clips_from_frames, is_folder, is_path, name_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from zeroshot.video.sampling import Sampling, Window
    from zeroshot.video.source import VideoSource


class ClipReader:
    """Clips of videos, decoded ahead in child processes that are replaced when a file kills them.

    A context manager; `close` ends the children, and so does the end of this process, however it comes. They
    start with the first file, without torch, and print nothing. Not for use by several threads at once.

    Attributes:
        snaps: what became of clips that were sampled with key frames.
    """

    def __init__(
        self,
        num_workers: int = 2,
        *,
        time_limit_seconds: float = 60.0,
        memory_limit_bytes: int | None = 8 << 30,
        decoder: str = "auto",
        shorter_side: int | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            num_workers: children that decode at the same time.
            time_limit_seconds: for one file; then it is given up.
            memory_limit_bytes: of address space a child, where the system has such a limit; None for none.
                Eight frames of 8K video take well under the default of 8 GiB.
            decoder: see `decode.read_clips`.
            shorter_side: see `decode.read_clips`.

        Raises:
            OptionError: a number below what makes sense, or an unknown decoder.
        """
        if num_workers < 1:
            raise OptionError(f"num_workers is {num_workers}; expected 1 or more")
        if not time_limit_seconds > 0:
            raise OptionError(f"time_limit_seconds is {time_limit_seconds}; expected a number above 0")
        if memory_limit_bytes is not None and memory_limit_bytes < 1 << 29:
            raise OptionError(
                f"memory_limit_bytes is {memory_limit_bytes}; expected 512 MiB or more, or None"
            )
        if decoder not in DECODERS:
            raise OptionError(f"decoder is {decoder!r}; expected one of {', '.join(DECODERS)}")
        self.num_workers = num_workers
        self.snaps = SnapTally()
        # Few: for a handful of frames more threads cost more processor time than they save of the clock's.
        threads = min(4, max(1, _num_cores() // num_workers))
        self._limits = Limits(time_limit_seconds, memory_limit_bytes, decoder, shorter_side, threads)
        self._crew: Crew | None = None

    def __enter__(self) -> ClipReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children; what they were at is lost. A later call starts new ones."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close()

    def read(self, source: VideoSource, sampling: Sampling) -> tuple[Clip, ...]:
        """V clips of T frames.

        Args:
            source: a path, or frames in memory, or a folder of frame images.
            sampling: which moments.

        Raises:
            VideoError: one line that names the source and says what is wrong with it.
            OptionError: the window lies behind the end of the video.
        """
        clips = self._begin(source, sampling).clips()
        self._count(source, clips, sampling.frames)
        return clips

    def read_many(
        self, sources: Iterable[VideoSource], sampling: Sampling
    ) -> Iterator[tuple[VideoSource, tuple[Clip, ...] | VideoError]]:
        """Each source with its clips or its error, in the order given, decoded a little ahead of the caller.

        Args:
            sources: any mixture; taken one by one as places become free.
            sampling: which moments.
        """
        ahead = 2 * self.num_workers
        begun: deque[_Begun] = deque()
        try:
            for source in sources:
                begun.append(self._begin(source, sampling))
                if len(begun) > ahead:
                    yield self._finished(begun.popleft())
            while begun:
                yield self._finished(begun.popleft())
        finally:
            for one in begun:
                one.cancel()

    def _finished(self, one: _Begun) -> tuple[VideoSource, tuple[Clip, ...] | VideoError]:
        """A source with its clips, which are counted, or its error."""
        outcome = one.outcome()
        self._count(one.source, outcome, one.sampling.frames)
        return one.source, outcome

    def _count(self, source: VideoSource, outcome: tuple[Clip, ...] | VideoError, frames: str) -> None:
        """Note how far key frames moved."""
        if frames == "keyframes" and not isinstance(outcome, VideoError):
            self.snaps.add(name_of(source), outcome)

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
        request = {
            "job": "windows",
            "windows": [list(window) for window in windows],
            "num_frames": num_frames,
            "frames": frames,
        }
        clips = _clips_of(self._submit(path, request).result())
        self._count(path, clips, frames)
        return clips

    def read_many_windows(
        self,
        paths: Iterable[str],
        window: Window,
        num_frames: int,
        windows_at_once: int = 8,
        *,
        frames: str = "even",
    ) -> Iterator[WindowGroup]:
        """The windows of each video, group by group in time order, decoded a little ahead of the caller.

        A video ends with its last group, or with a group that holds the error that ended it.

        Args:
            paths: of video files; taken one by one as places become free.
            window: how long, and how far apart.
            num_frames: T, as in `read_windows`.
            windows_at_once: windows in a group; bounds the memory of a long video.
            frames: as `Sampling.frames`.
        """
        reading = {"num_frames": num_frames, "frames": frames}
        ahead = 2 * self.num_workers
        begun: deque[_BegunGroup] = deque()
        failed: set[int] = set()  # numbers of videos of which the rest is not wanted
        try:
            for group in self._begin_groups(paths, window, reading, windows_at_once, failed):
                begun.append(group)
                if len(begun) > ahead:
                    yield from self._counted(begun.popleft().outcome(failed), frames)
            while begun:
                yield from self._counted(begun.popleft().outcome(failed), frames)
        finally:
            for one in begun:
                one.future.cancel()

    def _counted(self, groups: Iterator[WindowGroup], frames: str) -> Iterator[WindowGroup]:
        """The groups, their clips counted."""
        for group in groups:
            self._count(group.path, group.outcome, frames)
            yield group

    def _begin_groups(
        self,
        paths: Iterable[str],
        window: Window,
        reading: dict[str, Any],
        windows_at_once: int,
        failed: set[int],
    ) -> Iterator[_BegunGroup]:
        """Hand groups of windows to the children, once it is known how long each video is."""
        for number, (path, probed) in enumerate(self._probe_ahead(paths)):
            try:
                duration = probed.result()[0]["info"]["duration_seconds"]
            except VideoError:
                yield _BegunGroup(number, path, (), probed)
                continue
            windows = window.over(duration)
            group = tuple(islice(windows, windows_at_once))
            while group and number not in failed:
                following = tuple(islice(windows, windows_at_once))
                request = {"job": "windows", "windows": [list(each) for each in group]}
                future = self._submit(path, {**request, **reading})
                yield _BegunGroup(number, path, group, future, is_last=not following)
                group = following

    def _probe_ahead(self, paths: Iterable[str]) -> Iterator[tuple[str, Future[Any]]]:
        """Each path with the promise of its information, asked for a little ahead."""
        begun: deque[tuple[str, Future[Any]]] = deque()
        for path in paths:
            begun.append((path, self._submit(path, {"job": "probe"})))
            if len(begun) > self.num_workers:
                yield begun.popleft()
        while begun:
            yield begun.popleft()

    def read_films(
        self, groups: Iterable[Sequence[VideoSource]], end_seconds: float, largest_side: int
    ) -> Generator[list[Film | VideoError], None, None]:
        """Every frame of each video of a group, or its error, group after group, decoded a little ahead.

        Args:
            groups: videos that are needed together.
            end_seconds: see `film.read_film`.
            largest_side: see `film.read_film`.
        """
        ahead: deque[list[tuple[VideoSource, Future[Any] | None]]] = deque()
        content = {"job": "film", "end_seconds": end_seconds, "largest_side": largest_side}

        def films(group: list[tuple[VideoSource, Future[Any] | None]]) -> list[Film | VideoError]:
            return [_film_of(source, future, end_seconds, largest_side) for source, future in group]

        try:
            for group in groups:
                ahead.append(
                    [
                        (source, self._submit(source, content))
                        if is_path(source) and not is_folder(source)
                        else (source, None)
                        for source in group
                    ]
                )
                if len(ahead) > self.num_workers:
                    yield films(ahead.popleft())
            while ahead:
                yield films(ahead.popleft())
        finally:
            for future in (future for group in ahead for _, future in group if future is not None):
                future.cancel()

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """Duration, size, rate, codec and rotation of a file.

        Raises:
            VideoError: as in `read`.
        """
        header, _ = self._submit(path, {"job": "probe"}).result()
        return replace(VideoInfo(**header["info"]), path=os.fspath(path))

    def _begin(self, source: VideoSource, sampling: Sampling) -> _Begun:
        """Hand a file to a child; frames in memory and folders of images wait until they are asked for."""
        if is_path(source) and not is_folder(source):
            content = {"job": "clips", "sampling": asdict(sampling)}
            return _Begun(source, sampling, self._submit(source, content))
        return _Begun(source, sampling, None)

    def _submit(self, path: str | os.PathLike[str], request: dict[str, Any]) -> Future[Any]:
        """Hand a request to the next free child."""
        if self._crew is None or self._crew.owner != os.getpid():
            self._crew = Crew(self.num_workers, self._limits)
            weakref.finalize(self, self._crew.close)  # also at exit, where nobody has closed it
        return self._crew.submit(os.fspath(path), request)


@dataclass(frozen=True)
class _Begun:
    """A source on its way to becoming clips."""

    source: VideoSource
    sampling: Sampling
    future: Future[Any] | None

    def clips(self) -> tuple[Clip, ...]:
        """Wait for them, or make them here."""
        if self.future is None:
            return clips_from_frames(self.source, self.sampling)
        return _clips_of(self.future.result())

    def outcome(self) -> tuple[Clip, ...] | VideoError:
        """The clips, or what stands against them."""
        try:
            return self.clips()
        except VideoError as error:
            return error
        except OptionError as error:
            return VideoError(f"cannot sample {name_of(self.source)}: {error}")

    def cancel(self) -> None:
        """Not wanted any more."""
        if self.future is not None:
            self.future.cancel()


@dataclass(frozen=True)
class WindowGroup:
    """Some windows of a video that follow each other.

    Attributes:
        path: the video.
        windows: start and end of each, in seconds.
        outcome: a clip of each, or the error that ended the video.
        is_last: whether the video has no more.
    """

    path: str
    windows: tuple[tuple[float, float], ...]
    outcome: tuple[Clip, ...] | VideoError
    is_last: bool


@dataclass(frozen=True)
class _BegunGroup:
    """Windows on their way to becoming clips; `number` tells their video from others of the same path."""

    number: int
    path: str
    windows: tuple[tuple[float, float], ...]
    future: Future[Any]
    is_last: bool = True

    def outcome(self, failed: set[int]) -> Iterator[WindowGroup]:
        """The group, unless its video has failed before; an error makes it the last one."""
        if self.number in failed:
            self.future.cancel()
            return
        try:
            yield WindowGroup(self.path, self.windows, _clips_of(self.future.result()), self.is_last)
        except (VideoError, OptionError) as error:
            failed.add(self.number)
            yield WindowGroup(self.path, self.windows, VideoError(str(error)), is_last=True)


def _clips_of(reply: tuple[dict[str, Any], list[NDArray[Any]]]) -> tuple[Clip, ...]:
    """Clips from frames (T, H, W, 3), seconds, and how far they moved or nothing, in turn."""
    _, arrays = reply
    return tuple(
        Clip(frames.transpose(0, 3, 1, 2), seconds, moved if len(moved) else None)
        for frames, seconds, moved in zip(arrays[::3], arrays[1::3], arrays[2::3], strict=True)
    )


def _film_of(
    source: VideoSource, future: Future[Any] | None, end_seconds: float, largest_side: int
) -> Film | VideoError:
    """The film that a child sends, or that frames in memory are."""
    try:
        if future is None:
            return film_from_frames(source, end_seconds, largest_side)
        header, arrays = future.result()
        height, width = header["native_size"]
        return Film(_clips_of((header, arrays))[0], header["fps"], (height, width), header["whole"])
    except VideoError as error:
        return error


def _num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
