"""The other end of `worker.ClipReader`: a process that decodes what it is asked to, and may die of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from zeroshot.errors import OptionError, VideoError
from zeroshot.video.decoders import decode
from zeroshot.video.decoders.all_frames import read_film
from zeroshot.video.decoders.probe import printable
from zeroshot.video.processes import messages as wire
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zeroshot.types import Clip

    Reply = tuple[dict[str, Any], list[NDArray[Any]]]

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def serve(memory_limit_bytes: int | None) -> None:
    """Answer requests on standard input until it ends; then end at once, whatever decoders still do.

    Args:
        memory_limit_bytes: of address space, where the system has such a limit; None for no limit.
    """
    requests, replies = _take_over_pipes()
    _restrain(memory_limit_bytes)
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe, or is gone
        replies.write(wire.READY)
        replies.flush()
        while True:
            request, _ = wire.receive(requests)
            wire.send(replies, *_answer(request))
    os._exit(0)  # not sys.exit: decord's threads abort a process that tears itself down


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for ourselves; what libraries write goes nowhere."""
    inlet, outlet = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    if sys.platform == "win32":
        import msvcrt

        for number in (inlet, outlet):
            msvcrt.setmode(number, os.O_BINARY)
    return os.fdopen(inlet, "rb", buffering=0), os.fdopen(outlet, "wb")


def _restrain(memory_limit_bytes: int | None) -> None:
    """Leave Ctrl-C to the parent, die with it, and do not take all memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if memory_limit_bytes is not None and sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):  # macOS has the name but not the thing
            resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))


def _answer(request: dict[str, Any]) -> Reply:
    """What comes of one request: clips, information, or one line."""
    try:
        return _JOBS[request["job"]](request)
    except (VideoError, OptionError) as error:
        return {"kind": type(error).__name__, "text": str(error)}, []
    except MemoryError:
        name = printable(request["path"])
        text = f"cannot decode {name}: it needs more memory than allowed; raise memory_limit_bytes"
        return {"kind": "VideoError", "text": text}, []
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises costs one file, never the process
        words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        text = f"cannot decode {printable(request['path'])}: {words}; convert it, or try another decoder"
        return {"kind": "VideoError", "text": text}, []


def _clips(request: dict[str, Any]) -> Reply:
    """The clips of one sampling."""
    sampling = Sampling(**request["sampling"])
    return _packed(decode.read_clips(request["path"], sampling, **request["reading"]))


def _windows(request: dict[str, Any]) -> Reply:
    """One clip a window."""
    windows = [(start, end) for start, end in request["windows"]]
    how = {"frames": request["frames"], **request["reading"]}
    return _packed(decode.read_windows(request["path"], windows, request["num_frames"], **how))


def _probe(request: dict[str, Any]) -> Reply:
    """What the file says of itself."""
    return {"kind": "info", "info": asdict(decode.probe(request["path"]))}, []


def _film(request: dict[str, Any]) -> Reply:
    """Every frame."""
    film = read_film(request["path"], request["end_seconds"], request["largest_side"])
    header, arrays = _packed((film.clip,))
    return {**header, "fps": film.fps, "native_size": film.native_size, "whole": film.whole}, arrays


def _packed(clips: tuple[Clip, ...]) -> Reply:
    """Of each clip: frames as they lie in memory, the channels last, seconds, and how far they moved."""
    arrays: list[NDArray[Any]] = []
    for clip in clips:
        moved = np.zeros(0) if clip.moved_seconds is None else clip.moved_seconds
        arrays += [clip.frames.transpose(0, 2, 3, 1), clip.seconds, moved]
    return {"kind": "clips"}, arrays


_JOBS = {"clips": _clips, "windows": _windows, "probe": _probe, "film": _film}
