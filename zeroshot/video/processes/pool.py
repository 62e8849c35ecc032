"""The child processes of `reader.ClipReader`, each driven by a thread that waits for it, or kills it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from zeroshot.errors import OptionError, VideoError, printable
from zeroshot.video.processes.messages import READY, Job, Line, Message, Request, Requests, receive, send

MEMORY_LIMIT_BYTES = 8 << 30
"""Of address space a child, where nobody chooses otherwise."""

_START_SECONDS = 120.0  # for a child to start on a very busy machine
_PROGRAM = str(Path(__file__).with_name("start.py"))
# Times the limit of processor time: what a healthy file may take where others want the machine.
_PATIENCE = 20
_BLIND_PATIENCE = 4  # the same where the system does not tell the processor time of others
_LOOKS = 8  # a limit's time at a child's work
_REMEDY = "convert it with: ffmpeg -i IN -c:v libx264 OUT.mp4"


@dataclass(frozen=True)
class Limits:
    """What a file may cost, and how it is read; see `reader.ClipReader`."""

    time_limit_seconds: float
    memory_limit_bytes: int | None
    decoder: str
    shorter_side: int | None
    num_threads: int

    @property
    def processor_seconds(self) -> float:
        """Of all threads of a child together."""
        return self.time_limit_seconds * self.num_threads


class Crew:
    """As many children as were asked for; each starts when there is work for it."""

    def __init__(self, num_workers: int, limits: Limits) -> None:
        self.owner = os.getpid()
        self._requests = Requests()
        self._drivers = [_Driver(limits, self._requests) for _ in range(num_workers)]
        for driver in self._drivers:
            driver.start()

    def submit(self, job: Job) -> Future[Message]:
        """The promise of a reply."""
        future: Future[Message] = Future()
        try:
            # Made absolute now: the children are in another folder, and this process may change its own.
            paths = tuple(os.path.abspath(path) for path in job.paths)  # noqa: PTH100 - links stay
        except OSError:
            words = (
                f"cannot read {job.name}: the working folder is gone; give its full path, or change folder"
            )
            future.set_exception(VideoError(words))
            return future
        self._requests.put(Request(job, paths, future))
        return future

    def release(self) -> None:
        """Have the children close what they keep open, once they have done what they are at."""
        for driver in self._drivers:
            if driver.keeps_open:
                job = Job("release", "", (), (), {"keep": False}, Line())
                self._requests.put(Request(job, (), Future()), driver)

    def close(self) -> None:
        """Kill the children; requests that wait are answered with an error."""
        if self.owner != os.getpid():
            return  # after a fork the children are the other process's
        for driver in self._drivers:
            driver.stop()
        self._requests.close()
        for driver in self._drivers:
            driver.join()


class _LostError(Exception):
    """A child is gone: what it was at, and why, said of a file `{}`."""


class _Driver(threading.Thread):
    """Takes requests one by one, and sees to it that each is answered.

    Attributes:
        keeps_open: whether its child was asked to keep a file open.
    """

    def __init__(self, limits: Limits, requests: Requests) -> None:
        super().__init__(name="zeroshot-decoding", daemon=True)
        self.keeps_open = False
        self._limits = limits
        self._requests = requests
        self._lock = threading.Lock()
        self._stopping = False
        self._child: _Child | None = None

    def run(self) -> None:
        """Until nothing will come any more."""
        while (request := self._requests.take(self)) is not None:
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

    def _reply(self, request: Request) -> Message:
        """What a child answers."""
        child = self._ready_child()
        try:
            limits = self._limits_of(child)
            reading = {
                "decoder": limits.decoder,
                "shorter_side": limits.shorter_side,
                "num_threads": limits.num_threads,
            }
            places = {"paths": request.paths, "reading": reading}
            self.keeps_open = request.job.options.get("keep", self.keeps_open)
            reply = child.ask(Message({"job": request.job.kind, **request.job.options, **places}), limits)
        except _LostError as lost:
            self._discard(child)
            raise VideoError(str(lost).format(request.job.name)) from None
        error = _ERRORS.get(reply.header["kind"])
        if error is not None:
            raise error(_renamed(reply.header["text"], request))
        return reply

    def _limits_of(self, child: _Child) -> Limits:
        """What this file may cost; where no other waits, with the threads that else were the others'."""
        child.start()  # before looking who waits: those that come meanwhile are there then
        threads = threads_each(1) if self._requests.is_alone(self) else self._limits.num_threads
        return replace(self._limits, num_threads=max(threads, self._limits.num_threads))

    def _ready_child(self) -> _Child:
        """The child, started if there is none."""
        with self._lock:
            if self._stopping:
                raise VideoError("the reader was closed while videos waited for it; keep it open")
            if self._child is not None and self._child.is_lost():
                self._child.kill()
                self._child = None
            if self._child is None:
                self._child = _early_child(self._limits.memory_limit_bytes) or _Child(
                    self._limits.memory_limit_bytes
                )
            return self._child

    def _discard(self, child: _Child) -> None:
        """Have no child any more."""
        child.kill()
        with self._lock:
            self._child = None


_early: list[tuple[int, _Child]] = []  # who started it, and the child


def start_early() -> None:
    """Start a child that the first crew takes over, so that it is there when a model has been loaded.

    For programs that are sure to read videos; a child that nobody takes ends with the program.
    """
    if not _early:
        with contextlib.suppress(VideoError):  # whoever needs one will say so
            child = _Child(MEMORY_LIMIT_BYTES)
            _early.append((os.getpid(), child))
            atexit.register(child.kill)


def _early_child(memory_limit_bytes: int | None) -> _Child | None:
    """The child that was started early, for whoever comes first and wants no other limit."""
    if memory_limit_bytes != MEMORY_LIMIT_BYTES:
        return None
    with contextlib.suppress(IndexError):
        owner, child = _early.pop()  # of several threads one gets it
        if owner != os.getpid():
            return None  # started before a fork: the other process's
        atexit.unregister(child.kill)
        if not child.is_lost():
            return child
        child.kill()
    return None


_ERRORS: dict[str, type[VideoError | OptionError]] = {"VideoError": VideoError, "OptionError": OptionError}


def _renamed(text: str, request: Request) -> str:
    """A message with the files named as the caller named them."""
    for absolute, shown in zip(request.paths, request.job.shown, strict=True):
        text = text.replace(printable(absolute), shown)
    return text


def import_folders() -> list[str]:
    """Where children import from: this process's `sys.path` without the folder that it happens to work in.

    Python puts that folder first by itself where it runs `-c`, `-m` or a prompt; somebody else's videos may
    lie there, and a `json.py` beside them. It stays where PYTHONPATH names it in full.
    """
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109 - as submit
    except OSError:
        here = ""
    named = {} if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "").split(os.pathsep)
    wanted = {os.path.realpath(folder) for folder in named if os.path.isabs(folder)}  # noqa: PTH117
    folders = [str(folder) for folder in sys.path if os.path.isabs(folder)]  # noqa: PTH117
    return [folder for folder in folders if (real := os.path.realpath(folder)) != here or real in wanted]


class _Child:
    """One child process."""

    def __init__(self, memory_limit_bytes: int | None) -> None:
        # Without Python's home it would not start where that is set; -I forgets it, and all of PYTHON….
        isolated = "-P" if os.environ.get("PYTHONHOME") else "-I"
        words = json.dumps([import_folders(), memory_limit_bytes])
        quiet = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
            subprocess, "CREATE_NEW_PROCESS_GROUP", 0
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, isolated, *(["-B"] if sys.dont_write_bytecode else []), _PROGRAM, words],
                cwd=os.path.abspath(os.sep),  # noqa: PTH100 - a folder that does not go away
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
        self._watch: _Watch | None = None

    def ask(self, request: Message, limits: Limits) -> Message:
        """The reply to a request.

        Args:
            request: see `child`.
            limits: beyond which the child is killed.

        Raises:
            _LostError: the child was killed or has died.
        """
        self._watch = _Watch(self._process, limits)
        self._watch.start()
        try:
            send(self._inlet, request)
            return receive(self._outlet)
        except (EOFError, OSError, ValueError, KeyError):
            raise _LostError(self._epitaph(limits.time_limit_seconds)) from None
        finally:
            self._watch.over.set()

    def is_lost(self) -> bool:
        """Whether it is dead or dying."""
        return (self._watch is not None and self._watch.expired) or self._process.poll() is not None

    def kill(self) -> None:
        """End it, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        for stream in (self._inlet, self._outlet):
            with contextlib.suppress(OSError, ValueError):
                stream.close()

    def start(self) -> None:
        """Wait for the sign of life that comes before the first reply.

        Raises:
            _LostError: there is none.
        """
        if self._started:
            return
        timer = threading.Timer(_START_SECONDS, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            while (line := self._outlet.readline()) != READY:
                if not line:
                    raise _LostError(
                        "cannot start a decoding process, so {} was not read; "
                        "see what is wrong with: python -c 'import zeroshot.video.processes.child'"
                    )
        finally:
            timer.cancel()
        self._started = True

    def _epitaph(self, seconds: float) -> str:
        """What is said of the file `{}` that it died of."""
        if self._watch is not None and self._watch.expired:
            return f"decoding {{}} took longer than {seconds:g} s; raise time_limit_seconds, or {_REMEDY}"
        self._process.kill()
        code = self._process.wait()
        cause = f"exit status {code}"
        if code < 0:
            with contextlib.suppress(ValueError):
                cause = signal.Signals(-code).name
        return f"decoding {{}} ended the decoding process ({cause}); get another copy, or {_REMEDY}"


class _Watch(threading.Thread):
    """Kills a child over its limits, unless `over` is set before.

    Processor time counts, as a healthy file takes longer where others want the machine. A child that uses
    none at all hangs; and nothing may take for ever.
    """

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        super().__init__(name="zeroshot-watching", daemon=True)
        self.over = threading.Event()
        self.expired = False
        self._process = process
        self._limits = limits

    def run(self) -> None:
        """Look from time to time."""
        limits = self._limits
        first = last = processor_seconds(self._process.pid)
        patience = _LOOKS * (_BLIND_PATIENCE if first is None else _PATIENCE)
        looks = still = 0  # counted, not timed: this process may have been stopped for a while, too
        while not self.over.wait(limits.time_limit_seconds / _LOOKS):
            spent = processor_seconds(self._process.pid)
            looks, still = looks + 1, still + 1 if spent == last else 0
            last = spent
            used = 0.0 if spent is None or first is None else spent - first
            hangs = first is not None and still >= _LOOKS
            if hangs or used >= limits.processor_seconds or looks >= patience:
                self.expired = True
                self._process.kill()
                return


def processor_seconds(pid: int) -> float | None:
    """Processor time that all threads of another process have used; None where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        words = text.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def threads_each(num_workers: int) -> int:
    """Decoder threads of each of so many children: few, as more cost more processor time than they save."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, max(1, cores // num_workers))
