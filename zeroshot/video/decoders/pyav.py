"""PyAV: reads anything, seeks to the group of pictures of each moment, tries damaged packets one by one."""

from __future__ import annotations

import math
import os
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

from zeroshot.errors import VideoError
from zeroshot.video.decoders.packets import Timeline, marked, sound_packets
from zeroshot.video.decoders.picture import to_rgb
from zeroshot.video.decoders.probe import VideoInfo, import_av, open_container, require_file, unreadable
from zeroshot.video.decoders.probe import printable as name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from av import VideoFrame, VideoStream
    from av.container import InputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    Shown = dict[int, tuple[int, NDArray[np.uint8]]]

# Containers that find the key frame before a moment by an index; in others a seek lands anywhere near.
_INDEXED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv"})
_ROUNDING_SECONDS = 1e-6  # so that a moment computed in floating point still meets the frame shown at it
_DENSE_SECONDS = 0.5  # moments closer than this on average are read in one pass, not by key frames
_JOINED_SECONDS = 10.0  # without an index, a gap up to this is decoded through
_BACK_SECONDS = (4.0, 16.0, 64.0)  # how far before a moment to begin where a seek may land behind it
_PATIENCE_SECONDS = 120.0  # of video decoded from the start where seeking may miss by a frame
_GUESS_FRAMES = 3  # by which a guessed time may miss


class PyavReader:
    """One open video; frames by presentation time.

    Attributes:
        path: absolute.
        info: what the file says of itself.
        time_base: seconds a tick, exact.
        origin: the first frame's timestamp in ticks.
        num_frames_declared: by the header; 0 where it does not say.
        end_reached: the end in ticks that decoding ran into, or None as long as it did not.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int = 0) -> None:
        """Open, and decode the first frame.

        Args:
            path: a file.
            num_threads: of the decoder; 0 is one a core.

        Raises:
            VideoError: no frame of it can be decoded.
        """
        self.path = require_file(path)
        self._given, self._name = os.fspath(path), name_of(path)
        self._num_threads = num_threads
        self.end_reached: int | None = None
        self._timeline: Timeline | None = None
        self._open()
        try:
            first = self._first_frame()
            self._counted = first.pts is None or self._guesses_times()
            self._first_guess = first.pts
            stream = self._stream
            rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
            self.time_base = 1 / rate if self._counted else Fraction(stream.time_base)
            self.num_frames_declared: int = stream.frames
            self.origin: int = 0 if self._counted else first.pts
            self.info = self._describe(first)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PyavReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the file and the decoder."""
        self._container.close()

    def tick(self, seconds: float) -> int:
        """The last timestamp that is not later than so many seconds after the first frame."""
        return self.origin + math.floor(Fraction(seconds + _ROUNDING_SECONDS) / self.time_base)

    def seconds(self, tick: int) -> float:
        """Seconds from the first frame to a timestamp."""
        return float((tick - self.origin) * self.time_base)

    def frames_at(self, ticks: Iterable[int], shorter_side: int | None = None) -> Shown:
        """For each tick, the timestamp and the picture (H, W, 3) of the last frame not later.

        Where damage took that frame, the nearest decodable one.

        Args:
            ticks: moments, in any order.
            shorter_side: see `picture.reduction`.

        Raises:
            VideoError: nothing could be decoded.
        """
        wanted = sorted(set(ticks))
        found: Shown = {}
        for group in self._groups(wanted):
            found.update(self._collect(group, shorter_side))
        if not found:
            self._open()
            found = self._pass(wanted, shorter_side)
        if not found:
            raise VideoError(
                f"cannot decode {self._name}: none of its frames can be decoded; get another copy"
            )
        for tick in wanted:
            if tick not in found:
                nearest = min(found.values(), key=lambda shown, tick=tick: abs(shown[0] - tick))  # type: ignore[misc]
                found[tick] = nearest
        return found

    def every_frame(self, end_seconds: float) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Timestamp and picture (H, W, 3) of each frame that can be decoded, as they are shown, up to a time.

        Args:
            end_seconds: from the first frame; frames shown then or later are left out.
        """
        self._open()
        drift = 0
        for index, frame in enumerate(self._decoded(self._packets())):
            tick = frame.pts
            if self._counted:
                tick, drift = self._number(index, drift, frame)
            if tick is None or tick < self.origin:
                continue
            if self.seconds(tick) >= end_seconds:
                return
            yield tick, to_rgb(frame, self.info.rotation, None)

    def key_tick(self, tick: int) -> int | None:
        """The timestamp of the key frame nearest to a moment, found without decoding.

        None where it is not known: there is no index, or the frames have no times of their own.
        """
        if not self._indexed or self._counted:
            return None
        found = [key for back in (True, False) if (key := self._key_from(tick, backward=back)) is not None]
        return min(found, key=lambda key: abs(key - tick), default=None)

    def key_frame(self, key: int, shorter_side: int | None = None) -> tuple[int, NDArray[np.uint8]] | None:
        """Timestamp and picture (H, W, 3) of a key frame, decoded alone; None where that fails.

        Args:
            key: from `key_tick`.
            shorter_side: see `picture.reduction`.
        """
        self._seek(key)
        packet = next(self._packets(), None)
        if packet is None or packet.pts != key or not packet.is_keyframe:
            return None
        frames = [*self._decode(packet), *self._decode(None)]
        if len(frames) != 1 or frames[0].pts != key or frames[0].is_corrupt:
            return None
        return key, to_rgb(frames[0], self.info.rotation, shorter_side)

    def timeline(self) -> Timeline:
        """All packets' timestamps, read without decoding; remembered."""
        if self._timeline is None:
            self._open()
            packets = [(p.pts, p.is_keyframe, p.is_discard) for p in self._packets()]
            self._timeline = Timeline.of(packets)
        return self._timeline

    def last_tick(self, since: int) -> int:
        """Where the last packet around and behind a timestamp ends, in ticks, read without decoding."""
        frame = int(1 / (Fraction(self._stream.average_rate or 25) * self.time_base))
        for back in self._backs():
            if not self._counted:
                self._seek(max(self.origin, since - int(back / self.time_base)))
            else:
                self._open()
            packets = (p for p in self._packets() if not p.is_discard)
            ends = [p.pts + (p.duration or frame) for p in packets if p.pts is not None]
            if ends:
                return max(ends)
        return since

    def _open(self) -> None:
        """(Re)open at the beginning."""
        if hasattr(self, "_container"):
            self._container.close()
        self._container: InputContainer
        self._stream: VideoStream
        self._container, self._stream = open_container(self.path, self._name)
        self._context = self._stream.codec_context
        self._context.thread_type = "AUTO"
        self._context.thread_count = self._num_threads
        self._indexed = self._container.format.name in _INDEXED

    def _guesses_times(self) -> bool:
        """Whether libav has to guess timestamps, and the file is short enough to count its frames instead.

        AVI stores no times that tell the order of B-frames, and MPEG program streams store few: guesses are a
        frame or two off, which is accepted only where counting from the start takes too long.
        """
        container = self._container.format.name
        seconds = float((self._stream.duration or 0) * self._stream.time_base)
        reordered = container == "avi" and bool(self._context.has_b_frames)
        return (reordered or container == "mpeg") and seconds <= _PATIENCE_SECONDS

    def _number(self, index: int, drift: int, frame: VideoFrame) -> tuple[int, int]:
        """Tick and new drift of the frame that came out as the `index`-th, where frames are counted.

        A frame's number is its time, until the guessed time says that some are missing: damaged or dropped.
        """
        if frame.pts is not None:
            seconds = (frame.pts - (self._first_guess or 0)) * Fraction(self._stream.time_base)
            guess = round(seconds / self.time_base)
            if abs(guess - index - drift) > _GUESS_FRAMES:
                drift = guess - index
        return index + drift, drift

    def _first_frame(self) -> VideoFrame:
        """The first frame that can be decoded."""
        for frame in self._decoded(self._packets()):
            return frame
        raise self._hopeless()

    def _hopeless(self) -> VideoError:
        """Not one frame."""
        return VideoError(f"cannot decode {self._name}: none of its frames can be decoded; get another copy")

    def _describe(self, first: VideoFrame) -> VideoInfo:
        """What the headers and the first frame say."""
        duration_seconds = self._declared_duration()  # may open the file again: nothing of it is held before
        stream = self._stream
        rotation = round(first.rotation / 90) * 90 % 360
        width, height = (first.width, first.height) if rotation % 180 == 0 else (first.height, first.width)
        return VideoInfo(
            path=self._given,
            duration_seconds=duration_seconds,
            width=width,
            height=height,
            fps=float(stream.average_rate or stream.guessed_rate or 0),
            codec=self._context.name,
            container=self._container.format.name,
            rotation=rotation,
            start_seconds=float(first.time or 0.0),
        )

    def _declared_duration(self) -> float:
        """Seconds from the first frame to the end of the last, by the headers where they tell."""
        stream = self._stream
        known = stream.duration * stream.time_base if stream.duration else None
        if self._counted:
            # The header of AVI knows how many frames there were; the others' durations are guesses as well.
            trusted = known if self._container.format.name == "avi" else None
            return float(trusted or self._count() * self.time_base)
        # Headers miss what comes before the first frame, the last frame's own time, or pictures that end
        # before the sound. The last packets tell; where no duration is known, all packets are passed over.
        far = known or Fraction(self._container.duration or 0, 1_000_000)
        since = self.origin + int(far / self.time_base)
        return max(0.0, self.seconds(self.last_tick(since)))

    def _count(self) -> int:
        """How many packets there are."""
        self._open()
        return sum(1 for _ in self._packets())

    def _groups(self, wanted: list[int]) -> list[list[int]]:
        """The ticks that are best read in one pass each."""
        if not wanted or self._counted:
            return [wanted] if wanted else []
        spread = float((wanted[-1] - wanted[0]) * self.time_base)
        if spread <= _DENSE_SECONDS * len(wanted):
            return [wanted]
        groups: list[list[int]] = []
        joined = int(_JOINED_SECONDS / self.time_base)
        last: int | None = None
        for tick in wanted:
            anchor = self._anchor(tick) if self._indexed else tick
            near = (
                last is not None
                and anchor is not None
                and (anchor == last if self._indexed else anchor - last <= joined)
            )
            if near:
                groups[-1].append(tick)
            else:
                groups.append([tick])
            last = anchor
        return groups

    def _anchor(self, tick: int) -> int | None:
        """The timestamp of the key frame from which a moment is reached."""
        self._seek(tick)
        for packet in self._packets():
            return packet.dts if packet.pts is None else packet.pts
        return None

    def _seek(self, tick: int) -> None:
        """To the key frame at or before a timestamp; to the beginning where that fails."""
        av = import_av()
        try:
            self._container.seek(tick, stream=self._stream, backward=True)
        except (av.error.FFmpegError, OSError):
            self._open()

    def _key_from(self, tick: int, *, backward: bool) -> int | None:
        """The timestamp of the key frame at which a seek in this direction lands, or None."""
        av = import_av()
        try:
            self._container.seek(tick, stream=self._stream, backward=backward)
        except (av.error.FFmpegError, OSError):
            return None
        packet = next(self._packets(), None)
        return packet.pts if packet is not None and packet.is_keyframe and not packet.is_discard else None

    def _backs(self) -> Sequence[float]:
        """How many seconds before a moment to seek to, the next where the one before was not enough."""
        return (0.0, *_BACK_SECONDS) if self._indexed else _BACK_SECONDS

    def _collect(self, group: list[int], shorter_side: int | None) -> Shown:
        """The frames of one pass, begun early enough that the first tick is met."""
        for back in () if self._counted else self._backs():
            begin = group[0] - int(back / self.time_base)
            if back and begin <= self.origin:
                break
            self._seek(begin)
            found = self._pass(group, shorter_side, strict=True)
            if found:
                return found
        self._open()
        return self._pass(group, shorter_side)

    def _pass(self, group: Sequence[int], shorter_side: int | None, *, strict: bool = False) -> Shown:
        """Decode forward, keep what the group asks for; nothing if `strict` and begun too late."""
        found: Shown = {}
        waiting = deque(group)
        previous: tuple[int, VideoFrame] | None = None
        kept: tuple[int, NDArray[np.uint8]] | None = None
        drift = 0
        for index, frame in enumerate(self._decoded(self._packets(), () if self._counted else group)):
            tick = frame.pts
            if self._counted:
                tick, drift = self._number(index, drift, frame)
            if tick is None:
                continue
            if previous is None and strict and tick > group[0]:
                return {}
            if waiting and tick > waiting[0] and previous is not None:
                kept = (previous[0], to_rgb(previous[1], self.info.rotation, shorter_side))
            while waiting and tick > waiting[0] and kept is not None:
                found[waiting.popleft()] = kept
            if not waiting:
                return found
            previous = (tick, frame)
        if previous is not None:
            tick, frame = previous
            self.end_reached = tick + (frame.duration or 0)
            kept = (tick, to_rgb(frame, self.info.rotation, shorter_side))
            found.update(dict.fromkeys(waiting, kept))
        return found

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the stream from here on."""
        return sound_packets(self._container, self._stream)

    def _decoded(
        self, packets: Iterator[Packet[VideoStream]], wanted: Sequence[int] = ()
    ) -> Iterator[VideoFrame]:
        """Frames of the packets; with `wanted`, those that it cannot ask for may be missing.

        The decoder may skip a packet that no frame refers to and whose successor comes no later than the next
        tick wanted: what is shown stays, a third to a half of the work goes. It ends behind the last tick.
        """
        for packet, needed in marked(packets, wanted):
            self._context.skip_frame = "DEFAULT" if needed else "NONREF"
            yield from self._decode(packet)
        self._context.skip_frame = "DEFAULT"
        yield from self._decode(None)

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that a packet sets free, none where it is damaged; None drains the decoder."""
        av = import_av()
        try:
            frames: list[VideoFrame] = self._context.decode(packet)
        except MemoryError as error:
            raise unreadable(self._name, error) from None
        except (av.error.FFmpegError, OSError, ValueError):
            return []
        return frames
