"""The packets of a stream, sound ones only, and which of them a moment does not need."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import TYPE_CHECKING

from zeroshot.video.decoders.probe import import_av

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av import VideoStream
    from av.container import InputContainer
    from av.packet import Packet

_DAMAGED_READS = 64  # demuxing errors in a row after which the rest of the file is given up
_UNCOMPRESSED = frozenset({"rawvideo", "v210", "v308", "v408", "v410", "r210", "yuv4", "ayuv", "y41p"})
_LOOKAHEAD = 20  # packets: more than any codec reorders (16)


def marked(
    packets: Iterator[Packet[VideoStream]], wanted: Sequence[int]
) -> Iterator[tuple[Packet[VideoStream], bool]]:
    """Each packet, and whether a tick wanted may show it; ends where all to come are later than all ticks."""
    if not wanted:
        yield from ((packet, True) for packet in packets)
        return
    queue: deque[Packet[VideoStream]] = deque()
    known: list[int] = []
    for packet in packets:
        if _is_later(packet, wanted[-1]):
            break
        if packet.pts is not None and not packet.is_discard:
            insort(known, packet.pts)
            del known[: -4 * _LOOKAHEAD]
        queue.append(packet)
        if len(queue) > _LOOKAHEAD:
            first = queue.popleft()
            yield first, _may_show(first, known, wanted)
    for packet in queue:
        yield packet, _may_show(packet, known, wanted)


def _is_later(packet: Packet[VideoStream], tick: int) -> bool:
    """Whether this packet and all behind it are shown after a tick: they are decoded, hence shown, later."""
    return packet.dts is not None and packet.pts is not None and tick < packet.dts <= packet.pts


def _may_show(packet: Packet[VideoStream], known: list[int], wanted: Sequence[int]) -> bool:
    """Whether a tick lies between a packet's time and the next packet's, as far as they are known."""
    if packet.is_discard:
        return False
    if packet.pts is None:
        return True
    following = bisect_right(known, packet.pts)
    place = bisect_left(wanted, packet.pts)
    if following == len(known):
        return True
    return place < len(wanted) and wanted[place] < known[following]


def sound_packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Packets of a stream from here on; damage in the container is stepped over where that works.

    Packets of nothing but zeros are left out: a download or a disk has not written them yet, or never will.
    """
    av = import_av()
    compressed = stream.codec_context.name not in _UNCOMPRESSED
    failures = 0
    while failures < _DAMAGED_READS:
        try:
            for packet in (each for each in container.demux(stream) if each.size):
                failures = 0
                yield from () if compressed and _is_void(packet) else (packet,)
        except (av.error.FFmpegError, OSError):
            failures += 1
        else:
            return


def _is_void(packet: Packet[VideoStream]) -> bool:
    """Whether all bytes of a packet are zero."""
    view = memoryview(packet)
    return not any(view)  # ends with the first byte that differs: the third or fourth in nearly all
