"""The other end of `reader.ClipReader`: a process that decodes what it is asked to, and may die of it."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import sys
from dataclasses import asdict, replace
from typing import Any, BinaryIO, NamedTuple

from zeroshot.errors import OptionError, VideoError, printable
from zeroshot.video.decoders import decode
from zeroshot.video.decoders.all_frames import film_from_frames, read_film, stretch_within
from zeroshot.video.decoders.timeline import file_signs
from zeroshot.video.masks import read_mask
from zeroshot.video.processes.messages import READY, Message, message_of, receive, send
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import clips_from_frames, is_folder

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def serve(memory_limit_bytes: int | None) -> None:
    """Answer requests on standard input until it ends; then end at once, whatever decoders still do.

    Args:
        memory_limit_bytes: of address space, where the system has such a limit; None for no limit.
    """
    requests, replies = _take_over_pipes()
    _restrain(memory_limit_bytes)
    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe, or is gone
        replies.write(READY)
        replies.flush()
        while True:
            send(replies, _answer(receive(requests).header))
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


def _answer(request: dict[str, Any]) -> Message:
    """What comes of one request: clips, information, or one line."""
    try:
        return _JOBS[request["job"]](request)
    except (VideoError, OptionError) as error:
        return Message({"kind": type(error).__name__, "text": str(error)})
    except MemoryError:
        name = _name(request)
        text = f"cannot decode {name}: it needs more memory than allowed; "
        text += "look at fewer frames or views, or make it smaller"
        return Message({"kind": "VideoError", "text": text})
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises costs one file, never the process
        words = printable(" ".join(f"{type(error).__name__}: {error}".split())[:200])
        text = f"cannot decode {_name(request)}: {words}; convert it, or try another decoder"
        return Message({"kind": "VideoError", "text": text})


def _name(request: dict[str, Any]) -> str:
    """What messages call what a request is about."""
    return printable(request["paths"][0]) if request["paths"] else "the source"


def _live(request: dict[str, Any]) -> Message:
    """A source that goes on: opened, or what has come of it."""
    from zeroshot.video.live.stream import live_answer  # most children never watch anything

    return live_answer(request)


def _clips(request: dict[str, Any]) -> Message:
    """The clips of one sampling, of a video file, a folder of frames, or picture files as frames."""
    paths, sampling = request["paths"], Sampling(**request["sampling"])
    path = paths[0]
    if request["pictures"] or is_folder(path):
        return message_of(clips_from_frames(paths if request["pictures"] else path, sampling))
    if request["stretch"] is not None:
        sampling = _within(sampling, path, *request["stretch"])
    return message_of(decode.read_clips(path, sampling, **request["reading"]))


def _within(sampling: Sampling, path: str, start: float, end: float) -> Sampling:
    """The same moments of a stretch of a file; of the whole file where it is the stretch, cut out already."""
    begin, last = stretch_within((start, end), decode.probe(path).duration_seconds)
    return sampling if last == math.inf else replace(sampling, start_seconds=begin, end_seconds=last)


class _Open(NamedTuple):
    """A file that stays open for the next windows of it, and what it was opened as."""

    identity: tuple[object, ...]
    reader: decode.WindowReader


_open: list[_Open] = []  # of this child: one or none


def _windows(request: dict[str, Any]) -> Message:
    """One clip a window, of a file that is open already if others of it were read before."""
    reading, (path,) = request["reading"], request["paths"]
    identity = (path, *file_signs(path), request["frames"], reading["decoder"], reading["shorter_side"])
    if _open and _open[0].identity == identity:
        reader = _open.pop().reader
    else:
        _release({})
        reader = decode.WindowReader(path, request["frames"], **reading)
    windows, ahead = ([(start, end) for start, end in request[name]] for name in ("windows", "ahead"))
    try:
        clips = reader.read(windows, request["num_frames"], ahead)
    except BaseException:
        reader.close()
        raise
    if request["keep"]:
        _open.append(_Open(identity, reader))
    else:
        reader.close()
    return message_of(clips)


def _release(_request: dict[str, Any]) -> Message:
    """Nothing stays open."""
    while _open:
        _open.pop().reader.close()
    return Message({"kind": "released"})


def _moments(request: dict[str, Any]) -> Message:
    """One clip of the frames at given moments."""
    return message_of((decode.read_moments(request["paths"][0], request["seconds"], **request["reading"]),))


def _probe(request: dict[str, Any]) -> Message:
    """What the file says of itself."""
    return Message({"kind": "info", "info": asdict(decode.probe(request["paths"][0]))})


def _film(request: dict[str, Any]) -> Message:
    """Every frame."""
    paths, bounds = request["paths"], (request["end_seconds"], request["largest_side"])
    if request["pictures"] or is_folder(paths[0]):
        film = film_from_frames(paths if request["pictures"] else paths[0], *bounds)
    else:
        film = read_film(paths[0], *bounds, request["stretch"])
    clips = message_of((film.clip,))
    facts = {"fps": film.fps, "native_size": film.native_size, "whole": film.whole}
    return Message({**clips.header, **facts}, clips.arrays)


def _mask(request: dict[str, Any]) -> Message:
    """The levels of a mask."""
    mask = read_mask(request["paths"][0], request["end_seconds"], request["largest_side"])
    return Message({"kind": "mask", "native_size": mask.native_size}, (mask.levels,))


_JOBS = {
    "clips": _clips,
    "windows": _windows,
    "release": _release,
    "moments": _moments,
    "probe": _probe,
    "film": _film,
    "mask": _mask,
    "live": _live,
}
