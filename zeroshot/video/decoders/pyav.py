"""PyAV: reads anything, seeks to the group of pictures of each moment, tries damaged packets one by one."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from zeroshot.errors import VideoError, printable
from zeroshot.types import Closes
from zeroshot.video.decoders.clock import Clock, Forward
from zeroshot.video.decoders.decoder import KeyFrame, Shown
from zeroshot.video.decoders.orientation import Orientation
from zeroshot.video.decoders.picture import Look, squared_width
from zeroshot.video.decoders.probe import VideoInfo, require_file
from zeroshot.video.decoders.stream import DecodingDamage, PacketStream
from zeroshot.video.decoders.timeline import Timeline, frame_rate, read_timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from av import VideoFrame
    from numpy.typing import NDArray

    Found = dict[int, tuple[int, NDArray[np.uint8]]]

Answer = TypeVar("Answer")

_DENSE_SECONDS = 0.5  # moments closer than this on average are read in one pass, not by key frames
_JOINED_SECONDS = 10.0  # without an index, a gap up to this is decoded through
_BACK_SECONDS = (4.0, 16.0, 64.0)  # how far before a moment to begin where a seek may land behind it
_PATIENCE_SECONDS = 120.0  # of video decoded from the start where seeking may miss by a frame


class PyavDecoder(Closes):
    """One open video; frames by presentation time.

    Attributes:
        path: absolute.
        info: what the file says of itself.
        clock: ticks and seconds.
        orientation: of the first frame as it is stored.
        num_frames_declared: by the header; 0 where it does not say.
        shows_as_stored: whether the first frame's pixels are square and of ordinary range, or are left alone.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, num_threads: int = 0, as_stored: bool = False
    ) -> None:
        """Open, and decode the first frame.

        Args:
            path: a file.
            num_threads: of the decoder; 0 is one a core.
            as_stored: do not square pixels and do not bring high dynamic range to an ordinary screen's.

        Raises:
            VideoError: no frame of it can be decoded, or it is encrypted.
        """
        self.path = require_file(path)
        self._given, self._name = os.fspath(path), printable(path)
        self._end_reached: int | None = None
        self._last_end: int | None = None  # of the file's last packets, once they have been read
        self._counting: tuple[int, Forward] | None = None  # at which of the stream's moves it began
        self._stream = PacketStream(self.path, self._name, num_threads)
        try:
            first = self._undamaged(self._first_frame)
            self.orientation = Orientation.of(first)
            self._look = self._looking(first, as_stored=as_stored)
            self.shows_as_stored = self._look.leaves_alone(first)
            self.clock = self._clock_from(first)
            self.num_frames_declared: int = self._stream.stream.frames
            start_seconds = float(first.time or 0.0)
            del first  # what follows may open the file again: nothing of it is held
            self.info = self._describe(start_seconds)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free the file and the decoder."""
        self._stream.close()

    def frames_at(self, seconds: Sequence[float], shorter_side: int | None = None) -> Shown:
        """See `Decoder.frames_at`."""
        ticks = [self.clock.tick(moment) for moment in seconds]
        wanted = sorted(set(ticks))
        self._end_reached = None
        found = self._undamaged(lambda: self._found(wanted, shorter_side))
        if not found:
            raise self._hopeless()
        for tick in wanted:
            if tick not in found:
                nearest = min(found.values(), key=lambda shown, tick=tick: abs(shown[0] - tick))  # type: ignore[misc]
                found[tick] = nearest
        end = self._true_end(max(tick for tick, _ in found.values()))
        shown = [found[tick] for tick in ticks]
        return Shown([self.clock.seconds(tick) for tick, _ in shown], [picture for _, picture in shown], end)

    def every_frame(
        self, end_seconds: float, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """See `Decoder.every_frame`."""
        last: int | None = None
        try:
            for tick, picture in self._all_frames(start_seconds, end_seconds, None):
                yield self.clock.seconds(tick), picture
                last = tick
        except DecodingDamage:
            self._stream.use_one_thread()
            for tick, picture in self._all_frames(start_seconds, end_seconds, last):
                yield self.clock.seconds(tick), picture

    def key_frame_near(self, seconds: float) -> KeyFrame | None:
        """See `Decoder.key_frame_near`: known where there is an index and frames have times of their own."""
        if not self._stream.indexed or self.clock.counted:
            return None
        tick = self.clock.tick(seconds)
        found = [key for back in (True, False) if (key := self._key_from(tick, backward=back)) is not None]
        if not found:
            return None
        nearest = min(found, key=lambda key: abs(key - tick))
        return KeyFrame(self.clock.seconds(nearest), lambda side: self._key_picture(nearest, side))

    def timeline(self) -> Timeline:
        """All packets' timestamps, read without decoding."""
        return read_timeline(self.path, self._name)

    def _undamaged(self, attempt: Callable[[], Answer]) -> Answer:
        """The result of an attempt, made again in one thread where several have met damage."""
        try:
            return attempt()
        except DecodingDamage:
            self._stream.use_one_thread()
            return attempt()

    def _first_frame(self) -> VideoFrame:
        """The first frame that can be decoded."""
        for frame in self._stream.frames():
            return frame
        raise self._hopeless()

    def _hopeless(self) -> VideoError:
        """Not one frame."""
        return VideoError(f"cannot decode {self._name}: none of its frames can be decoded; get another copy")

    def _looking(self, first: VideoFrame, *, as_stored: bool) -> Look:
        """How all frames are shown: upright, and as large as the first."""
        aspect = None if as_stored else self._stream.stream.sample_aspect_ratio
        width, height = self.orientation.size(squared_width(first.width, aspect), first.height)
        return Look(width, height, tone_mapped=not as_stored)

    def _clock_from(self, first: VideoFrame) -> Clock:
        """The file's own clock, or one that counts."""
        stream = self._stream.stream
        counted = first.pts is None or self._guesses_times()
        own = Fraction(stream.time_base)
        return Clock(
            time_base=1 / (frame_rate(stream) or Fraction(25)) if counted else own,
            origin=0 if counted else first.pts,
            counted=counted,
            stream_time_base=own,
            first_guess=first.pts,
        )

    def _guesses_times(self) -> bool:
        """Whether libav has to guess timestamps, and the file is short enough to count its frames instead.

        AVI stores no times that tell the order of B-frames, and MPEG program streams store few: guesses are a
        frame or two off, which is accepted only where counting from the start takes too long.
        """
        stream, container = self._stream.stream, self._stream.container
        reordered = container == "avi" and bool(self._stream.context.has_b_frames)
        if self._stream.timeline is not None:
            seconds = len(self._stream.timeline) / (frame_rate(stream) or 25)
        else:
            seconds = (stream.duration or 0) * stream.time_base
        return (reordered or container == "mpeg") and seconds <= _PATIENCE_SECONDS

    def _describe(self, start_seconds: float) -> VideoInfo:
        """What the headers and the first frame say."""
        promised = self._stream.last_indexed()
        duration_seconds = self._declared_duration()
        stream = self._stream
        return VideoInfo(
            path=self._given,
            duration_seconds=duration_seconds,
            width=self._look.width,
            height=self._look.height,
            fps=float(frame_rate(stream.stream)),
            codec=stream.context.name,
            container=stream.container,
            rotation=self.orientation.rotation,
            start_seconds=start_seconds,
            mirrored=self.orientation.mirrored,
            breaks_off=promised is not None and self._own_seconds(promised) >= duration_seconds,
            is_counted=self.clock.counted,
        )

    def _own_seconds(self, tick: int) -> float:
        """Seconds from the first frame to one of the file's own timestamps."""
        return float((tick - (self.clock.first_guess or 0)) * self.clock.stream_time_base)

    def _declared_duration(self) -> float:
        """Seconds from the first frame to the end of the last, by the headers where they tell."""
        clock = self.clock
        stream = self._stream.stream
        known = stream.duration * stream.time_base if stream.duration else None
        if clock.counted:
            # The header of AVI knows how many frames there were; the others' durations are guesses as well.
            trusted = known if self._stream.container == "avi" else None
            return float(trusted or len(self.timeline()) * clock.time_base)
        if self._stream.timeline is not None:
            return max(0.0, clock.seconds(self._stream.timeline.end))
        # Headers miss what comes before the first frame, the last frame's own time, or pictures that end
        # before the sound. The last packets tell; where no duration is known, all packets are passed over.
        far = float(known or self._stream.declared_seconds)
        since = clock.origin + int(far / clock.time_base)
        return max(0.0, clock.seconds(self._last_tick(since)))

    def _last_tick(self, since: int) -> int:
        """Where the last packet around and behind a tick ends, in ticks, read without decoding."""
        if self._stream.timeline is not None and not self.clock.counted:
            return self._stream.timeline.end
        if self._last_end is not None:
            return self._last_end
        if self.clock.counted and not self.timeline().has_pts.any():
            return since  # no need to go back to the first packet: what was counted goes on
        frame = int(1 / ((frame_rate(self._stream.stream) or 25) * self.clock.time_base))
        for back in (0.0,) if self.clock.counted else self._backs():
            if not self.clock.counted:
                self._seek(max(self.clock.origin, since - int(back / self.clock.time_base)))
            else:
                self._stream.reopen()
            packets = (p for p in self._stream.packets() if not p.is_discard)
            ends = [p.pts + (p.duration or frame) for p in packets if p.pts is not None]
            if ends:
                self._last_end = max(ends)
                return self._last_end
        return since

    def _true_end(self, last: int) -> float | None:
        """Seconds to the end of the last frame that the file really holds; None if decoding did not reach it.

        Args:
            last: the last tick shown.
        """
        if self._end_reached is None:
            return None
        return self.clock.seconds(max(self._last_tick(last), self._end_reached or last))

    def _found(self, wanted: list[int], shorter_side: int | None) -> Found:
        """For each tick, the timestamp and the picture shown at it; a damaged part of the file has none."""
        found: Found = {}
        for group in self._groups(wanted):
            found.update(self._collect(group, shorter_side))
        if not found:
            self._stream.reopen()
            found = self._pass(wanted, shorter_side, self._forward(() if self.clock.counted else wanted))
        return found

    def _groups(self, wanted: list[int]) -> list[list[int]]:
        """The ticks that are best read in one pass each."""
        if not wanted or self.clock.counted:
            return [wanted] if wanted else []
        indexed = self._stream.indexed
        spread = float((wanted[-1] - wanted[0]) * self.clock.time_base)
        if spread <= _DENSE_SECONDS * len(wanted):
            return [wanted]
        groups: list[list[int]] = []
        joined = int(_JOINED_SECONDS / self.clock.time_base)
        last: int | None = None
        for tick in wanted:
            anchor = self._anchor(tick) if indexed else tick
            near = (
                last is not None
                and anchor is not None
                and (anchor == last if indexed else anchor - last <= joined)
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
        for packet in self._stream.packets():
            return packet.dts if packet.pts is None else packet.pts
        return None

    def _seek(self, tick: int) -> None:
        """To the key frame at or before a timestamp; to the beginning where that fails."""
        if not self._stream.seek(tick):
            self._stream.reopen()

    def _backs(self) -> Sequence[float]:
        """How many seconds before a moment to seek to, the next where the one before was not enough."""
        return (0.0, *_BACK_SECONDS) if self._stream.indexed else _BACK_SECONDS

    def _collect(self, group: list[int], shorter_side: int | None) -> Found:
        """The frames of one pass, begun early enough that the first tick is met."""
        if self.clock.counted:
            return self._pass(group, shorter_side, self._counted(group[0]))
        for back in self._backs():
            begin = group[0] - int(back / self.clock.time_base)
            if back and begin <= self.clock.origin:
                break
            self._seek(begin)
            found = self._pass(group, shorter_side, self._forward(group), strict=True)
            if found:
                return found
        self._stream.reopen()
        return self._pass(group, shorter_side, self._forward(group))

    def _forward(self, wanted: Sequence[int] = ()) -> Forward:
        """The frames from where the stream is; see `PacketStream.frames`."""
        return Forward(self.clock.timed(self._stream.frames(wanted)))

    def _counted(self, tick: int) -> Forward:
        """Frames counted from the first; what was counted before goes on unless the moment lies behind."""
        if self._counting is not None:
            move, forward = self._counting
            if move == self._stream.num_moves and forward.previous and forward.previous[0] <= tick:
                return forward
        self._stream.reopen()
        self._counting = self._stream.num_moves, self._forward()
        return self._counting[1]

    def _pass(
        self, group: Sequence[int], shorter_side: int | None, forward: Forward, *, strict: bool = False
    ) -> Found:
        """Decode forward, keep what the group asks for; nothing if `strict` and begun too late."""
        if strict and (first := forward.ahead()) is not None and first[0] > group[0]:
            return {}
        found = forward.shown_at(group, lambda frame: self._look.picture(frame, shorter_side))
        if forward.ahead() is None and forward.previous is not None:
            tick, frame = forward.previous
            self._end_reached = tick + (frame.duration or 0)
        return found

    def _all_frames(
        self, start_seconds: float, end_seconds: float, after: int | None
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Tick and picture of each frame behind a tick, from a time on and up to another."""
        for tick, frame in self._frames_from(self.clock.tick(start_seconds)):
            if tick < self.clock.origin or (after is not None and tick <= after):
                continue
            seconds = self.clock.seconds(tick)
            if seconds >= end_seconds:
                return
            if seconds >= start_seconds:
                yield tick, self._look.picture(frame, None)

    def _frames_from(self, tick: int) -> Iterator[tuple[int, VideoFrame]]:
        """Frames with their ticks, from one shown at a tick or earlier; from the first where in doubt."""
        for back in () if self.clock.counted else self._backs():
            begin = tick - int(back / self.clock.time_base)
            if begin <= self.clock.origin:
                break
            self._seek(begin)
            frames = self.clock.timed(self._stream.frames())
            first = next(frames, None)
            if first is not None and first[0] <= tick:
                return chain([first], frames)
        self._stream.reopen()
        return self.clock.timed(self._stream.frames())

    def _key_from(self, tick: int, *, backward: bool) -> int | None:
        """The timestamp of the key frame at which a seek in this direction lands, or None."""
        if not self._stream.seek(tick, backward=backward):
            return None
        packet = next(self._stream.packets(), None)
        return packet.pts if packet is not None and packet.is_keyframe and not packet.is_discard else None

    def _key_picture(self, key: int, shorter_side: int | None) -> NDArray[np.uint8] | None:
        """The picture of a key frame, decoded alone; None where that fails."""
        self._seek(key)
        packet = next(self._stream.packets(), None)
        if packet is None or packet.pts != key or not packet.is_keyframe:
            return None
        try:
            frames = [*self._stream.decode(packet), *self._stream.decode(None)]
        except DecodingDamage:
            return None
        if len(frames) != 1 or frames[0].pts != key or frames[0].is_corrupt:
            return None
        return self._look.picture(frames[0], shorter_side)
