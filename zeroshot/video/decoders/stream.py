"""One open file: seeking in it, its packets on a clock that grows, and the frames that packets set free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import VideoError
from zeroshot.video.decoders.encryption import refuse_encrypted_file, refuse_encrypted_packet
from zeroshot.video.decoders.packets import marked, sound_packets
from zeroshot.video.decoders.probe import import_av, open_container, unreadable
from zeroshot.video.decoders.timeline import may_restart, read_timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av import VideoFrame, VideoStream
    from av.container import InputContainer
    from av.packet import Packet

    from zeroshot.video.decoders.timeline import Timeline

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
# Containers that find the key frame before a moment by an index; in others a seek lands anywhere near.
_INDEXED = frozenset({_MP4, "matroska,webm", "avi", "flv"})
_HIDES_FRAMES = frozenset({"vp8"})  # some of its packets hold what is never shown
_LARGE_PIXELS = 1280 * 720  # of a picture; smaller ones cost two threads half as much again as one
_IN_FLIGHT = 40  # packets: more than threads and reordering hold back
_PACKETS_TELL = frozenset({_MP4, "matroska,webm"})  # that they are encrypted


class _Awaited:
    """Which of the last packets have not become frames."""

    def __init__(self) -> None:
        self._outstanding: dict[int, int] = {}  # timestamp to the packet's number
        self._first: int | None = None
        self._number = self._untimed = 0

    def send(self, packet: Packet[VideoStream], *, needed: bool) -> None:
        """Expect a frame of a packet; not of those shown before the first key frame, which may need more."""
        self._number += 1
        if packet.is_discard:
            return
        if packet.pts is None:
            self._untimed += 1
            return
        self._first = packet.pts if self._first is None else self._first
        if needed and packet.pts >= self._first:
            self._outstanding[packet.pts] = self._number

    def receive(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        """The same frames, once they are noted."""
        for frame in frames:
            if frame.pts is None:
                self._untimed -= 1
            else:
                self._outstanding.pop(frame.pts, None)
        return frames

    def is_missing_some(self) -> bool:
        """Whether one of the last packets has no frame."""
        late = self._number - _IN_FLIGHT
        return self._untimed > 0 or any(number > late for number in self._outstanding.values())


class DecodingDamage(Exception):  # noqa: N818 - no error: the same frames are tried again
    """A packet could not be decoded by several threads, which lose sound frames together with it."""


class PacketStream:
    """A file's best video stream: packets, and frames with the timestamps of one growing clock.

    Attributes:
        stream: libav's, of the file as it is open now.
        container: libav's name of the format.
        indexed: whether seeking finds the key frame before a moment.
        timeline: all packets, where the file's clock starts anew somewhere; else None.
        num_moves: how often its place was changed: what was being read then does not go on.
    """

    def __init__(self, path: str, name: str, num_threads: int) -> None:
        """Open.

        Args:
            path: absolute.
            name: for messages.
            num_threads: of the decoder, one for small pictures; 0 is one a core, whatever their size.

        Raises:
            VideoError: libav cannot open it, or it is encrypted.
        """
        self.path, self.name = path, name
        self._num_threads = num_threads
        self._file: InputContainer | None = None
        self.timeline: Timeline | None = None
        self._number = 0  # of the packet that comes next
        self.num_moves = 0
        self.reopen()
        try:
            refuse_encrypted_file(path, name, self._open_file, self.stream)
            self.container: str = self._open_file.format.name
            packets = read_timeline(path, name) if may_restart(path, self._open_file, self.stream) else None
        except BaseException:
            self.close()
            raise
        if packets is not None and packets.restarts:
            self.timeline = packets
        self.indexed = self.container in _INDEXED and self.timeline is None

    @property
    def _open_file(self) -> InputContainer:
        """The container, which `reopen` has opened."""
        if self._file is None:
            raise VideoError(f"cannot read {self.name}: it was closed; open it again")
        return self._file

    @property
    def declared_seconds(self) -> float:
        """How long the container says that it is; 0 where it does not."""
        return (self._open_file.duration or 0) / 1_000_000

    def last_indexed(self) -> int | None:
        """The last decoding time in the file's index, in its own ticks; None where there is no index."""
        entries = self.stream.index_entries
        return entries[-1].timestamp if self.indexed and len(entries) else None

    def close(self) -> None:
        """Free the file and the decoder."""
        if self._file is not None:
            self._file.close()

    def reopen(self) -> None:
        """Go to the beginning, with a decoder that has seen nothing."""
        self.close()
        self._file, stream = open_container(self.path, self.name)
        self.stream: VideoStream = stream
        self.context = stream.codec_context
        if self._num_threads and stream.width * stream.height < _LARGE_PIXELS:
            self._num_threads = 1
        self.context.thread_type = "AUTO"
        self.context.thread_count = self._num_threads
        self._number = 0
        self.num_moves += 1

    def use_one_thread(self) -> None:
        """Begin anew and decode in one thread: then damage costs the damaged frames alone."""
        self._num_threads = 1
        self.reopen()

    def seek(self, tick: int, *, backward: bool = True) -> bool:
        """Go to the key frame at or before a timestamp, or behind it; False where that fails.

        Args:
            tick: on the growing clock.
            backward: the direction.
        """
        self.num_moves += 1
        if self.timeline is not None:
            return backward and self._seek_by_packets(self.timeline, tick)
        av = import_av()
        try:
            self._open_file.seek(tick, stream=self.stream, backward=backward)
        except (av.error.FFmpegError, OSError):
            return False
        return True

    def _seek_by_packets(self, timeline: Timeline, tick: int) -> bool:
        """The same where timestamps come more than once: by the place in the file, or packet by packet."""
        number = timeline.key_before(tick)
        position = int(timeline.positions[number])
        if number and position >= 0 and self._seek_by_place(timeline, number, position):
            return True
        self.reopen()
        for _ in sound_packets(self._open_file, self.stream) if number else ():
            self._number += 1
            if self._number == number:
                break
        return True

    def _seek_by_place(self, timeline: Timeline, number: int, position: int) -> bool:
        """Go to a place in the file, if the packet of that number is what is found there."""
        if not self._go(position, number):
            return False
        packet = next(self.packets(), None)
        if packet is None or (packet.pos, packet.pts) != (position, int(timeline.pts[number])):
            return False
        return self._go(position, number)

    def _go(self, position: int, number: int) -> bool:
        """Go to a place in the file where the packet of that number is thought to be."""
        av = import_av()
        try:
            self._open_file.seek(position, stream=self.stream, unsupported_byte_offset=True)
        except (av.error.FFmpegError, OSError):
            return False
        self._number = number
        return True

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Packets from here on, on the growing clock.

        Raises:
            VideoError: they are encrypted.
        """
        telling = self.container in _PACKETS_TELL
        for packet in sound_packets(self._open_file, self.stream):
            if telling and packet.is_keyframe:
                refuse_encrypted_packet(packet, self.name)
            if self.timeline is not None:
                self._shift(packet, self.timeline)
                self._number += 1
            yield packet

    def frames(self, wanted: Sequence[int] = ()) -> Iterator[VideoFrame]:
        """Frames from here on; with `wanted`, those that it cannot ask for may be missing.

        The decoder may skip a packet that no frame refers to and whose successor comes no later than the next
        tick wanted: what is shown stays, a third to a half of the work goes. It ends behind the last tick.

        Args:
            wanted: ticks in ascending order.

        Raises:
            DecodingDamage: see `decode`.
        """
        awaited = _Awaited()
        for packet, needed in marked(self.packets(), wanted):
            self.context.skip_frame = "DEFAULT" if needed else "NONREF"
            awaited.send(packet, needed=needed)
            yield from awaited.receive(self.decode(packet))
        self.context.skip_frame = "DEFAULT"
        yield from awaited.receive(self.decode(None))
        # Several threads may lose the last frames of a damaged file without saying so.
        if self._num_threads != 1 and self.context.name not in _HIDES_FRAMES and awaited.is_missing_some():
            raise DecodingDamage

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that a packet sets free, none where it is damaged; None drains the decoder.

        Raises:
            DecodingDamage: it is damaged, and several threads are at work. Errors then come late, sound
                frames are lost with them, and what is guessed of a damaged one depends on their number.
        """
        av = import_av()
        try:
            frames: list[VideoFrame] = self.context.decode(packet)
        except MemoryError as error:
            raise unreadable(self.name, error) from None
        except (av.error.FFmpegError, OSError, ValueError):
            frames = []
            damaged = True
        else:
            damaged = any(frame.is_corrupt for frame in frames)
        if damaged and self._num_threads != 1:
            raise DecodingDamage
        return frames

    def _shift(self, packet: Packet[VideoStream], timeline: Timeline) -> None:
        """Move the timestamps of the packet that comes next."""
        ticks = timeline.shift(self._number)
        if packet.pts is not None:
            known = self._number < len(timeline) and timeline.has_pts[self._number]
            packet.pts = packet.pts + ticks if known else None
        if packet.dts is not None:
            # Matroska stores none; libav derives them, but not across a join.
            packet.dts = None if self.container in _INDEXED else packet.dts + ticks
