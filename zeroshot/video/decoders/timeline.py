"""What a file's packets tell before any is decoded: one clock that grows, even where its own starts anew."""

from __future__ import annotations

import math
import os
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.video.decoders.packets import sound_packets
from zeroshot.video.decoders.probe import open_container

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_NONE = -(1 << 63)  # as libav writes a timestamp that is not there
_JUMPS = 0x0200  # libav's flag of formats in which clocks jump: AVFMT_TS_DISCONT
_BACK_SECONDS = 0.1  # decoding times that fall back by more begin a new part; so does ffmpeg's own command
_FORWARD_SECONDS = 10.0  # likewise, where they leap by more
_MATROSKA = "matroska,webm"
_SEGMENT = b"\x18\x53\x80\x67"  # Matroska's element that holds everything


@dataclass(frozen=True, eq=False)
class Timeline:
    """The packets of a file in its order, their timestamps on one clock.

    Each part whose own clock starts anew begins where the part before it ends.

    Attributes:
        pts: (N,) ticks, shifted; only where `has_pts`.
        has_pts: (N,) whether a packet has a timestamp.
        is_key: (N,) whether decoding can begin with it.
        is_hidden: (N,) whether an edit list hides it.
        positions: (N,) bytes from the start of the file; -1 where that is not known.
        starts: (P,) which packet is the first of each part.
        shifts: (P,) ticks added to the part's own.
        end: ticks, where the last packet's picture goes.
    """

    pts: NDArray[np.int64]
    has_pts: NDArray[np.bool_]
    is_key: NDArray[np.bool_]
    is_hidden: NDArray[np.bool_]
    positions: NDArray[np.int64]
    starts: NDArray[np.int64]
    shifts: NDArray[np.int64]
    end: int

    @classmethod
    def of(
        cls,
        packets: Iterable[Packet[VideoStream]],
        time_base: Fraction,
        frame_seconds: Fraction,
        *,
        leaps: bool,
        falls: bool,
    ) -> Timeline:
        """From all packets of a stream, in the file's order.

        Args:
            packets: demuxed, their timestamps as they are.
            time_base: seconds a tick.
            frame_seconds: how long a frame is shown of which its packet does not say.
            leaps: whether a leap forward is a new clock, and no long picture.
            falls: whether decoding times are the file's own, so that any that falls back is a new clock.
        """
        pts, dts, ends, places = array("q"), array("q"), array("q"), array("q")
        keys, hidden = bytearray(), bytearray()
        frame = max(1, round(frame_seconds / time_base))
        tick_seconds = float(time_base)
        leap = _FORWARD_SECONDS / tick_seconds if leaps else math.inf
        back = _BACK_SECONDS / tick_seconds if falls else math.inf
        for packet in packets:
            time = packet.pts
            if falls and time is not None and abs(time - (packet.dts or time)) > leap:
                time = None  # of a packet that spans a join: half of one clock, half of the other
            pts.append(_NONE if time is None else time)
            dts.append(_NONE if packet.dts is None else packet.dts)
            ends.append(_NONE if time is None else time + (packet.duration or frame))
            places.append(-1 if packet.pos is None else packet.pos)
            keys.append(packet.is_keyframe)
            hidden.append(packet.is_discard)
        is_key, is_hidden = (np.frombuffer(each, dtype=np.bool_) for each in (keys, hidden))
        times = np.array(pts, dtype=np.int64)
        shown = times != _NONE
        starts = _starts(pts, dts, keys, hidden, back, leap)
        shifts, end = _shifts(starts, times, np.array(ends, dtype=np.int64), shown & ~is_hidden)
        lengths = np.diff([*starts, len(times)])
        times = np.where(shown, times + np.repeat(shifts, lengths), 0)
        starting = np.array(starts, dtype=np.int64)
        return cls(times, shown, is_key, is_hidden, np.array(places, dtype=np.int64), starting, shifts, end)

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def restarts(self) -> bool:
        """Whether the file's own clock starts anew somewhere."""
        return len(self.starts) > 1

    @cached_property
    def ticks(self) -> list[int]:
        """Timestamps in ascending order, of the packets that have one."""
        ticks: list[int] = np.sort(self.pts[self.has_pts]).tolist()
        return ticks

    @property
    def complete(self) -> bool:
        """Whether every packet has a timestamp of its own, and none is hidden by an edit list."""
        return len(set(self.ticks)) == len(self) and not self.is_hidden.any()

    @property
    def closed(self) -> bool:
        """Whether no frame that follows a key frame in the file is shown before it."""
        times = self.pts[self.has_pts]
        keys = np.where(self.is_key[self.has_pts], times, np.iinfo(np.int64).min)
        before = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(keys)[:-1]))
        return bool((times >= before).all())

    def shift(self, number: int) -> int:
        """Ticks to be added to the timestamps of the packet of that number."""
        return int(self.shifts[np.searchsorted(self.starts, number, side="right") - 1])

    def key_before(self, tick: int) -> int:
        """The number of the packet from which a moment is reached: the last key frame not later, or 0."""
        keys = np.flatnonzero(self.is_key & self.has_pts)
        place = int(np.searchsorted(self.pts[keys], tick, side="right"))
        return int(keys[place - 1]) if place else 0


def _starts(
    pts: array[int], dts: array[int], keys: bytearray, hidden: bytearray, back: float, leap: float
) -> list[int]:
    """The numbers of the packets with which a clock starts anew, 0 the first.

    A key frame is shown after all that precede it in a file. Where it is not, the clock has started anew.
    """
    starts = [0]
    highest = last = _NONE
    for number, (shown, decoded, is_key, is_hidden) in enumerate(zip(pts, dts, keys, hidden, strict=True)):
        if is_hidden:
            continue
        fell = is_key and _NONE < shown < highest
        jumped = _NONE not in (decoded, last) and not -back <= decoded - last <= leap
        if fell or jumped:
            starts.append(number)
            highest = _NONE
        highest = max(highest, shown)
        last = decoded
    return starts


def _shifts(
    starts: list[int], times: NDArray[np.int64], ends: NDArray[np.int64], shown: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int]:
    """What to add to each part's timestamps so that it begins where the last one ends; and the end of all."""
    shifts = [0] * len(starts)
    end: int | None = None
    for part, (first, behind) in enumerate(zip(starts, [*starts[1:], len(times)], strict=True)):
        here = shown[first:behind]
        if not here.any():
            shifts[part] = shifts[part - 1] if part else 0
            continue
        low, high = int(times[first:behind][here].min()), int(ends[first:behind][here].max())
        shifts[part] = 0 if end is None else end - low
        end = high + shifts[part]
    return np.array(shifts, dtype=np.int64), end or 0


def frame_rate(stream: VideoStream) -> Fraction:
    """Frames a second on average, as far as the headers can be believed; 0 where they do not say."""
    average = Fraction(stream.average_rate or 0)
    guessed = Fraction(stream.guessed_rate or 0)
    # A frame a tick is what libav says where it knows the ticks alone, as in DV: 60,000 a second.
    if guessed and (
        not average or (average * Fraction(stream.time_base or 0) >= 1 and average > 2 * guessed)
    ):
        return guessed
    return average


def may_restart(path: str, container: InputContainer, stream: VideoStream) -> bool:
    """Whether the clock of a file may start anew, by its format: then its packets have to be looked at.

    Not where one index of times holds for the whole file: mp4, a Matroska file that ends where it says.
    """
    if container.format.flags & _JUMPS:
        return True
    if container.format.name == _MATROSKA:
        return _goes_on(path)
    return container.format.name == "mov,mp4,m4a,3gp,3g2,mj2" and not stream.frames  # fragments


def _leaps(path: str, container: InputContainer) -> bool:
    """Whether the clock of a file may leap forward: by its format, or as another Matroska file follows."""
    joined = container.format.name == _MATROSKA and _segment_end(path) is not None and _goes_on(path)
    return joined or bool(container.format.flags & _JUMPS)


def _goes_on(path: str) -> bool:
    """Whether something follows the first segment of a Matroska file, or its end is not known."""
    end = _segment_end(path)
    return end is None or end < Path(path).stat().st_size


def _segment_end(path: str) -> int | None:
    """Where the first segment of a Matroska file ends, in bytes; None where it does not say, as live ones."""
    with Path(path).open("rb") as file:
        head = file.read(4096)
    place = head.find(_SEGMENT) + len(_SEGMENT)
    if place < len(_SEGMENT) or place >= len(head) or not head[place]:
        return None
    length = 9 - head[place].bit_length()
    mask = (1 << 7 * length) - 1
    size = int.from_bytes(head[place : place + length], "big") & mask
    return None if size == mask else place + length + size


def read_timeline(path: str, name: str) -> Timeline:
    """All packets of a file's best video stream, read without decoding; those of the last file are kept.

    Args:
        path: absolute.
        name: for messages.

    Raises:
        VideoError: libav cannot open it.
    """
    return _read(path, name, file_signs(path))


def file_signs(path: str) -> tuple[int, int, int, int]:
    """What changes where a file does, but for very much luck; all 0 where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a name need not be valid text
    except (OSError, ValueError):
        return 0, 0, 0, 0
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=1)
def _read(path: str, name: str, identity: tuple[int, ...]) -> Timeline:
    """The same, for a file that is still the same."""
    del identity  # the key alone
    container, stream = open_container(path, name)
    with container:
        return Timeline.of(
            sound_packets(container, stream),
            Fraction(stream.time_base),
            1 / (frame_rate(stream) or Fraction(25)),
            leaps=_leaps(path, container),
            falls=bool(container.format.flags & _JUMPS),
        )
