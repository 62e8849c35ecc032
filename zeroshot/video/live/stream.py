"""One live source, opened in a child process: its packets read in a thread, decoded and cut into windows."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from zeroshot.errors import VideoError
from zeroshot.video.decoders.orientation import Orientation
from zeroshot.video.decoders.picture import Look, squared_width
from zeroshot.video.decoders.probe import import_av
from zeroshot.video.live.cutter import WindowCutter
from zeroshot.video.live.packets import GAP, PacketQueue, Waiting
from zeroshot.video.live.source import LiveSource
from zeroshot.video.processes.messages import Message, message_of
from zeroshot.video.sampling import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import VideoFrame
    from av.packet import Packet

    from zeroshot.video.live.cutter import Whole

_OPEN_SECONDS = 20.0  # for a source to answer
_ANSWER_SECONDS = 0.5  # after which a question is answered, with whatever there is
_AT_ONCE = 8  # windows in an answer
_JUMP_SECONDS = 10.0  # more from one frame to the next is a clock that was set anew


class LiveStream:
    """Frames of one source from now on, as windows; its clock begins with its first frame and only grows."""

    def __init__(self, asked: dict[str, Any]) -> None:
        """Open it, and begin to read.

        Args:
            asked: source, window, num_frames, shorter_side, lag_seconds and patience_seconds, as JSON has
                them.

        Raises:
            VideoError: it cannot be opened.
        """
        self._source = LiveSource(**asked["source"])
        self._shorter_side = asked["shorter_side"]
        self._cutter = WindowCutter(Window(**asked["window"]), asked["num_frames"])
        self._look: Look | None = None
        self._last: float | None = None
        self._shift = 0.0
        self._open(asked["patience_seconds"])
        self._queue = PacketQueue(asked["lag_seconds"])
        threading.Thread(target=self._queue.fill, args=(self._packets(),), daemon=True).start()

    def _open(self, patience_seconds: float) -> None:
        av = import_av()
        name, form, options = self._source.opening()
        is_file = self._source.kind == "file"
        self._stored_bytes = os.stat(self._source.text).st_size if is_file else 0  # noqa: PTH116 - as text
        try:
            self._container = av.open(
                name,
                format=form,
                options=options,
                timeout=(patience_seconds if is_file else _OPEN_SECONDS, patience_seconds),
            )
            streams = self._container.streams.video
            if not streams:
                raise VideoError(f"cannot watch {self._source.shown}: it has no pictures; name another")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                f"cannot watch {self._source.shown}: {self._reason(error)}; "
                "see that it is there and sends video"
            ) from None
        self._stream = streams[0]
        self._context = self._stream.codec_context
        self._context.thread_type = "SLICE"  # threads by frames would hold several back
        self._base = float(self._stream.time_base or 1 / 90_000)

    def _reason(self, error: BaseException) -> str:
        """A library's words without the address, which may hold a password."""
        words = " ".join(str(getattr(error, "strerror", None) or error).split())[:160]
        return words.replace(self._source.text, self._source.shown)

    def _packets(self) -> Iterator[Waiting]:
        last = 0.0
        for packet in self._container.demux(self._stream):
            if not packet.size:
                continue
            ticks = packet.pts if packet.dts is None else packet.dts
            last = last if ticks is None else ticks * self._base
            is_stored = packet.pos is not None and 0 <= packet.pos < self._stored_bytes
            yield Waiting(packet, last, packet.size, packet.is_keyframe, is_stored)

    def answer(self) -> Message:
        """Windows that have become whole, and where the stream stands; waits for half a second at most."""
        until = time.monotonic() + _ANSWER_SECONDS
        whole: list[Whole] = []
        while not whole or (len(whole) < _AT_ONCE and self._queue.newest_seconds - self._behind() > 1):
            taken = self._queue.take(max(0.0, until - time.monotonic()))
            if taken == GAP:
                self._context.flush_buffers()
                self._cutter.skip()
            elif isinstance(taken, Waiting):
                self._at = taken.seconds
                whole += self._decoded(taken.packet)
            if taken is None or (time.monotonic() > until and not isinstance(taken, str)):
                break
        is_over = self._queue.is_over and taken is None
        if is_over:
            whole += self._decoded(None)
        clips = message_of(tuple(clip for _, clip in whole))
        state = {
            "windows": [window for window, _ in whole],
            "received": self._queue.received,
            "dropped": self._queue.dropped,
            "lag_seconds": max(0.0, self._queue.newest_seconds - self._behind()),
            "is_over": is_over,
            "words": self._words() if is_over else "",
        }
        return Message({**clips.header, **state}, clips.arrays)

    _at: float | None = None

    def _behind(self) -> float:
        """The time of the packet that was decoded last, on the packets' clock."""
        return self._queue.newest_seconds if self._at is None else self._at

    def _words(self) -> str:
        error = self._queue.error
        if error is None:
            return "it has ended"
        if type(error).__name__ == "ExitError":
            return "nothing came any more"
        return self._reason(error)

    def _decoded(self, packet: Packet[Any] | None) -> list[Whole]:
        """The windows that the frames of a packet make whole; damaged packets give no frame."""
        av = import_av()
        try:
            frames: list[VideoFrame] = self._context.decode(packet)
        except (av.error.FFmpegError, OSError, ValueError):
            return []
        whole: list[Whole] = []
        for frame in frames:
            if not frame.is_corrupt:
                whole += self._cutter.take(self._seconds(frame), lambda frame=frame: self._picture(frame))  # type: ignore[misc]
        return whole

    def _seconds(self, frame: VideoFrame) -> float:
        """Since the first frame, growing, whatever the stream's clock does."""
        step = 1 / float(self._stream.average_rate or 25)
        if frame.pts is None:
            self._last = 0.0 if self._last is None else self._last + step
            return self._last
        own = frame.pts * self._base
        if self._last is None:
            self._shift = -own
        elif not self._last < own + self._shift < self._last + _JUMP_SECONDS + step:
            self._shift = self._last + step - own
        self._last = own + self._shift
        return self._last

    def _picture(self, frame: VideoFrame) -> Any:  # noqa: ANN401 - (H, W, 3) uint8
        if self._look is None:
            aspect = self._stream.sample_aspect_ratio
            size = Orientation.of(frame).size(squared_width(frame.width, aspect), frame.height)
            self._look = Look(*size)
        return self._look.picture(frame, self._shorter_side)


_opened: dict[str, LiveStream] = {}  # of this child, which reads one


def live_answer(request: dict[str, Any]) -> Message:
    """What comes of a request: a source is opened, or asked what came.

    Raises:
        VideoError: it cannot be opened.
    """
    if request["asked"] is not None:
        _opened.clear()
        _opened["stream"] = LiveStream(request["asked"])
        return Message({"kind": "opened"})
    if "stream" not in _opened:
        raise VideoError("the source was not opened; the child that had opened it has died")
    return _opened["stream"].answer()
