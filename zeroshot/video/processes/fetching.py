"""Videos that lie elsewhere, brought into a file ahead of the child that is to read them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from zeroshot.video.source import Spooled, Url, lies_here
from zeroshot.video.spool import on_disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from zeroshot.video.processes.messages import Message
    from zeroshot.video.source import VideoSource


def here(source: VideoSource) -> Future[Any]:
    """The source as decoders can open it: at once, or of an address when a thread of its own has fetched it.

    Whoever asks for several at a time has them fetched at a time.
    """
    found: Future[Any] = Future()
    if isinstance(source, Url):
        threading.Thread(target=_fetch, args=(source, found), name="zeroshot-fetching", daemon=True).start()
    else:  # an open file belongs to the caller, and is read before this returns
        _fetch(source, found)
    return found


def then(
    place: Future[Any], hand: Callable[[Any], Future[Message]], *, keep: bool = False
) -> Future[Message]:
    """The reply to what is asked of a source, once that is here.

    Args:
        place: as `here` gives it.
        hand: asks a child.
        keep: leave the file of what lay elsewhere; it goes when nobody knows of it any more.
    """
    promised: Future[Message] = Future()
    place.add_done_callback(partial(_hand_on, promised, hand, keep))
    return promised


def _fetch(source: VideoSource, found: Future[Any]) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        found.set_result(source if lies_here(source) else on_disk(source))
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        found.set_exception(error)


def _hand_on(
    promised: Future[Message], hand: Callable[[Any], Future[Message]], keep: bool, place: Future[Any]
) -> None:
    if not promised.set_running_or_notify_cancel():
        return  # the file goes with `place`
    try:
        file = place.result()
        hand(file).add_done_callback(partial(_answer, promised, None if keep else file))
    except BaseException as error:  # noqa: BLE001 - as above
        promised.set_exception(error)


def _answer(promised: Future[Message], file: object, reply: Future[Message]) -> None:
    if isinstance(file, Spooled):
        file.close()
    try:
        promised.set_result(reply.result())
    except BaseException as error:  # noqa: BLE001 - as above
        promised.set_exception(error)
