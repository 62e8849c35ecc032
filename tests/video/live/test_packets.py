"""Packets that wait: within bounds, groups of pictures dropped whole, what lies in a file never."""

from __future__ import annotations

import threading

from zeroshot.video.live.packets import GAP, MOST_BYTES, PacketQueue, Waiting


def packets(count: int, *, size: int = 1, group: int = 5, stored: bool = False) -> list[Waiting]:
    """Ten a second, a key frame at each group's start."""
    return [Waiting(n, n / 10, size, n % group == 0, stored) for n in range(count)]


def taken(queue: PacketQueue) -> list[object]:
    """All that can be had now."""
    found = []
    while (one := queue.take(0.0)) is not None:
        found.append(one if one == GAP else one.packet)
    return found


def test_a_queue_in_time_hands_on_everything_in_order():
    queue = PacketQueue(10.0)
    queue.fill(packets(30))
    assert taken(queue) == list(range(30))
    assert (queue.received, queue.dropped, queue.is_over, queue.error) == (30, 0, True, None)


def test_late_packets_are_dropped_up_to_a_key_frame_and_counted():
    queue = PacketQueue(1.0)
    for packet in packets(27):
        queue.put(packet)
    found = taken(queue)
    assert found[0] == GAP
    assert found[1] % 5 == 0
    assert found[1:] == list(range(found[1], 27))
    assert queue.dropped == found[1]
    assert queue.newest_seconds == 2.6
    assert 2.6 - found[1] / 10 <= 1.0


def test_without_a_key_frame_all_is_dropped_until_one_comes():
    queue = PacketQueue(0.5)
    for packet in packets(24, group=20):
        queue.put(packet)
    assert taken(queue) == [GAP, 20, 21, 22, 23]
    assert queue.dropped == 20


def test_large_packets_do_not_fill_the_memory():
    queue = PacketQueue(1000.0)
    for packet in packets(20, size=MOST_BYTES // 4, group=1):
        queue.put(packet)
    assert len(taken(queue)) <= 6
    assert queue.dropped >= 15


def test_what_lies_in_a_file_waits_there():
    queue = PacketQueue(0.1)
    thread = threading.Thread(target=queue.fill, args=(packets(300, stored=True),), daemon=True)
    thread.start()
    found = []
    while len(found) < 300:
        found.append(queue.take(5.0).packet)
    thread.join(5)
    assert found == list(range(300))
    assert queue.dropped == 0


def test_what_ends_a_source_is_kept():
    def breaks():
        yield from packets(2)
        raise OSError("cable")

    queue = PacketQueue(5.0)
    queue.fill(breaks())
    assert taken(queue) == [0, 1]
    assert queue.is_over
    assert str(queue.error) == "cable"
