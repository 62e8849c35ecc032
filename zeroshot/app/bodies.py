"""What arrives with a question: JSON, or a video, which goes to a file of its own and never stays."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from zeroshot.app.questions import question_from_fields, question_from_json
from zeroshot.app.refusal import Refusal
from zeroshot.app.settings import LONGEST_QUESTION
from zeroshot.errors import printable
from zeroshot.video.spool import open_spooled

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from zeroshot.app.guard import Message, Receive
    from zeroshot.app.questions import Question
    from zeroshot.video.source import Spooled

_PIECE_BYTES = 1 << 20
_FORM_FIELDS = 16
_numbers = count(1)


async def read_question(
    request: Request, kind: type[Question], upload_kind: type[Question] | None, most_bytes: int
) -> tuple[Question, Spooled | None]:
    """A question, and the video that was uploaded with it: the caller closes it.

    Args:
        request: whose body is JSON; a form with the file `video`; or the bytes of a video, the question then
            standing in the address.
        kind: of the question, if it is JSON.
        upload_kind: of what goes with a video; None: none is taken.
        most_bytes: of a video.

    Raises:
        Refusal: it is none of these, or too large.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media in {"", "application/json"}:
        return question_from_json(kind, await _json_body(request)), None
    if upload_kind is not None and media == "multipart/form-data":
        return await _from_form(request, upload_kind, most_bytes)
    if upload_kind is not None and (media == "application/octet-stream" or media.startswith("video/")):
        asked = question_from_fields(upload_kind, dict(request.query_params))
        _refuse_declared(request, most_bytes)
        return asked, await _kept(request, most_bytes)
    others = "" if upload_kind is None else ", multipart/form-data or video/…"
    raise Refusal(415, f"the body is {media[:60]!r}; expected application/json{others}")


async def _json_body(request: Request) -> bytes:
    """All of a body that is no video."""
    _refuse_declared(request, LONGEST_QUESTION)
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LONGEST_QUESTION:
            raise _too_large(LONGEST_QUESTION)
    return bytes(content)


async def _kept(request: Request, most_bytes: int) -> Spooled:
    """The file of a body that is a video."""
    file, spooled = open_spooled(_called(None))
    try:
        with file:
            await _write(request, file, most_bytes)
    except BaseException as error:  # noqa: BLE001 - the file goes, whatever it was
        spooled.close()
        raise _no_room(error) from None
    return spooled


async def _write(request: Request, file: BinaryIO, most_bytes: int) -> None:
    size, pieces = 0, bytearray()
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise _too_large(most_bytes)
        pieces += piece
        if len(pieces) >= _PIECE_BYTES:
            await asyncio.to_thread(file.write, bytes(pieces))
            pieces.clear()
    file.write(pieces)
    if not size:
        raise Refusal(422, "the body is empty; expected the bytes of a video")


async def _from_form(request: Request, kind: type[Question], most_bytes: int) -> tuple[Question, Spooled]:
    """The question that a form's fields hold, and its file `video`."""
    most = most_bytes + LONGEST_QUESTION
    _refuse_declared(request, most)
    bounded = Request(request.scope, _at_most(request.receive, most))
    try:
        form = await bounded.form(max_files=1, max_fields=_FORM_FIELDS, max_part_size=LONGEST_QUESTION)
    except (HTTPException, MultiPartException, UnicodeError, ValueError, KeyError) as error:
        words = printable(str(getattr(error, "detail", error)))[:120]
        raise Refusal(400, f"the form cannot be read: {words}; send it as curl -F does") from None
    except OSError as error:
        raise _no_room(error) from None
    try:
        return await _of_form(form, kind)
    finally:
        await form.close()


async def _of_form(form: FormData, kind: type[Question]) -> tuple[Question, Spooled]:
    videos = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if len(videos) != 1 or not isinstance(form.get("video"), UploadFile):
        raise Refusal(422, "the form has no file 'video'; send one: curl -F video=@FILE")
    if not videos[0].size:
        raise Refusal(422, "the file 'video' is empty; expected a video")
    asked = question_from_fields(kind, fields)
    file, spooled = open_spooled(_called(videos[0].filename), PurePath(videos[0].filename or "").suffix)
    try:
        with file:
            while piece := await videos[0].read(_PIECE_BYTES):
                await asyncio.to_thread(file.write, piece)
    except BaseException as error:  # noqa: BLE001 - the file goes, whatever it was
        spooled.close()
        raise _no_room(error) from None
    return asked, spooled


def _at_most(receive: Receive, most_bytes: int) -> Receive:
    """The same messages, as long as they do not exceed so many bytes."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise _too_large(most_bytes)
        return message

    return bounded


def _refuse_declared(request: Request, most_bytes: int) -> None:
    """Refuse a body that says itself that it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, f"the body is too large; expected {most_bytes:,} bytes at most")


def _no_room(error: BaseException) -> BaseException:
    """What a full disk means for whoever asks; any other error as it is."""
    if isinstance(error, OSError):
        return Refusal(507, "the server has no room for the video; come back later", {"Retry-After": "30"})
    return error


def _called(filename: str | None) -> str:
    """What messages call an upload; the number tells uploads of one name apart."""
    words = printable(PurePath((filename or "").replace("\\", "/")).name)[:120] or "video"
    return f"{words} (upload {next(_numbers)})"
