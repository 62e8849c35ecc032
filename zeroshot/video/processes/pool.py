"""The child processes of `worker.ClipReader`, each driven by a thread that waits for it, or kills it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from zeroshot.errors import OptionError, VideoError
from zeroshot.video.decoders.probe import printable
from zeroshot.video.processes import messages as wire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reply = tuple[dict[str, Any], list[NDArray[Any]]]

_START_SECONDS = 120.0  # for a child to start on a very busy machine
_PROGRAM = (
    "import json, sys; sys.path[:], limit = json.loads(sys.argv[1]); "
    "from zeroshot.video.processes.child import serve; serve(limit)"
)
_REMEDY = "convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"


@dataclass(frozen=True)
class Limits:
    """What a file may cost, and how it is read; see `worker.ClipReader`."""

    time_limit_seconds: float
    memory_limit_bytes: int | None
    decoder: str
    shorter_side: int | None
    num_threads: int


@dataclass(frozen=True)
class _Request:
    """One file to be read, and where the reply is waited for."""

    path: str
    absolute_path: str
    content: dict[str, Any]
    future: Future[Reply]


class Crew:
    """As many children as were asked for; each starts when there is work for it."""

    def __init__(self, num_workers: int, limits: Limits) -> None:
        self.owner = os.getpid()
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._drivers = [_Driver(limits, self._requests) for _ in range(num_workers)]
        for driver in self._drivers:
            driver.start()

    def submit(self, path: str, content: dict[str, Any]) -> Future[Reply]:
        """The promise of a reply to a request about a file."""
        future: Future[Reply] = Future()
        # Made absolute now: the children stay in the folder in which they were started.
        self._requests.put(_Request(path, os.path.abspath(path), content, future))  # noqa: PTH100 - links stay
        return future

    def close(self) -> None:
        """Kill the children; requests that wait are answered with an error."""
        if self.owner != os.getpid():
            return  # after a fork the children are the other process's
        for driver in self._drivers:
            driver.stop()
        for _ in self._drivers:
            self._requests.put(None)
        for driver in self._drivers:
            driver.join()


class _LostError(Exception):
    """A child is gone: what it was at, and why, said of a file `{}`."""


class _Driver(threading.Thread):
    """Takes requests one by one, and sees to it that each is answered."""

    def __init__(self, limits: Limits, requests: queue.SimpleQueue[_Request | None]) -> None:
        super().__init__(name="zeroshot-decoding", daemon=True)
        self._limits = limits
        self._requests = requests
        self._lock = threading.Lock()
        self._stopping = False
        self._child: _Child | None = None

    def run(self) -> None:
        """Until None comes."""
        while (request := self._requests.get()) is not None:
            if not request.future.set_running_or_notify_cancel():
                continue
            try:
                request.future.set_result(self._reply(request))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the reply
                request.future.set_exception(error)
        self.stop()

    def stop(self) -> None:
        """Kill the child, and start no other; from any thread."""
        with self._lock:
            self._stopping = True
            child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _reply(self, request: _Request) -> Reply:
        """What a child answers."""
        limits = self._limits
        reading = {
            "decoder": limits.decoder,
            "shorter_side": limits.shorter_side,
            "num_threads": limits.num_threads,
        }
        child = self._ready_child()
        try:
            content = {**request.content, "path": request.absolute_path, "reading": reading}
            header, arrays = child.ask(content, limits.time_limit_seconds)
        except _LostError as lost:
            self._discard(child)
            raise VideoError(str(lost).format(printable(request.path))) from None
        if header["kind"] in _ERRORS:
            raise _ERRORS[header["kind"]](self._renamed(header["text"], request))
        return header, arrays

    def _renamed(self, text: str, request: _Request) -> str:
        """A message with the file named as the caller named it."""
        return text.replace(printable(request.absolute_path), printable(request.path))

    def _ready_child(self) -> _Child:
        """The child, started if there is none."""
        with self._lock:
            if self._stopping:
                raise VideoError("the reader was closed while videos waited for it; keep it open")
            if self._child is not None and self._child.is_lost():
                self._child.kill()
                self._child = None
            if self._child is None:
                self._child = _Child(self._limits.memory_limit_bytes)
            return self._child

    def _discard(self, child: _Child) -> None:
        """Have no child any more."""
        child.kill()
        with self._lock:
            self._child = None


_ERRORS: dict[str, type[VideoError | OptionError]] = {"VideoError": VideoError, "OptionError": OptionError}


class _Child:
    """One child process."""

    def __init__(self, memory_limit_bytes: int | None) -> None:
        words = json.dumps([[str(folder) for folder in sys.path], memory_limit_bytes])
        quiet = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
            subprocess, "CREATE_NEW_PROCESS_GROUP", 0
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=quiet,
            )
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise VideoError(
                f"cannot start a decoding process with {sys.executable!r}: {reason}; "
                "free memory and processes, or run an ordinary Python"
            ) from None
        # Both are pipes, as asked for above; the type does not know.
        self._inlet = cast("IO[bytes]", self._process.stdin)
        self._outlet = cast("IO[bytes]", self._process.stdout)
        self._started = False
        self._expired = False

    def ask(self, request: dict[str, Any], seconds: float) -> Reply:
        """The reply to a request.

        Args:
            request: see `child`.
            seconds: after which the child is killed.

        Raises:
            _LostError: the child was killed or has died.
        """
        self._start()
        timer = self._timer(seconds)
        try:
            wire.send(self._inlet, request)
            return wire.receive(self._outlet)
        except (EOFError, OSError, ValueError, KeyError):
            raise _LostError(self._epitaph(seconds)) from None
        finally:
            timer.cancel()

    def is_lost(self) -> bool:
        """Whether it is dead or dying."""
        return self._expired or self._process.poll() is not None

    def kill(self) -> None:
        """End it, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        for stream in (self._inlet, self._outlet):
            with contextlib.suppress(OSError, ValueError):
                stream.close()

    def _start(self) -> None:
        """Wait for the sign of life that comes before the first reply."""
        if self._started:
            return
        timer = self._timer(_START_SECONDS)
        try:
            while (line := self._outlet.readline()) != wire.READY:
                if not line:
                    raise _LostError(
                        "cannot start a decoding process, so {} was not read; "
                        "see what is wrong with: python -c 'import zeroshot.video.processes.child'"
                    )
        finally:
            timer.cancel()
        self._started = True

    def _timer(self, seconds: float) -> threading.Timer:
        """Kills the child in so many seconds unless it is cancelled."""
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        return timer

    def _expire(self) -> None:
        """Time is up."""
        self._expired = True
        self._process.kill()

    def _epitaph(self, seconds: float) -> str:
        """What is said of the file `{}` that it died of."""
        if self._expired:
            return f"decoding {{}} took longer than {seconds:g} s; raise time_limit_seconds, or {_REMEDY}"
        self._process.kill()
        code = self._process.wait()
        cause = f"exit status {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                cause = signal.Signals(-code).name
        return f"decoding {{}} ended the decoding process ({cause}); get another copy, or {_REMEDY}"
