"""Videos that lie in no file here: bytes, open files and addresses, in a file for as long as they are read.

So they take the road of every file: a decoder that one of them crashes is a child process.
"""

from __future__ import annotations

import os
from base64 import b64encode
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from zeroshot.errors import VideoError, printable
from zeroshot.resources import VERSION
from zeroshot.video.source import Refused, Spooled, Url, is_address, lies_here, name_elsewhere
from zeroshot.video.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable

_WEB = ("http", "https")
_STORES = (
    "s3",
    "s3a",
    "gs",
    "gcs",
    "az",
    "abfs",
    "abfss",
    "hf",
    "hdfs",
    "webhdfs",
    "ftp",
    "sftp",
    "smb",
    "memory",
)
_TIMEOUT_SECONDS = 60.0  # without a byte
_MOST_BYTES = 64 << 30  # an endless answer must not fill the disk
_PIECE_BYTES = 1 << 20


def on_disk(source: Any) -> Any:  # noqa: ANN401 - any video source
    """A source that decoders can open: what lies elsewhere as a `Spooled` file, all else as it is.

    Args:
        source: see `VideoSource`. An open file is read from its beginning, and left where it stood.

    Raises:
        VideoError: it cannot be fetched or read, or is an address that no person gave.
    """
    if lies_here(source):
        return source
    if isinstance(source, Refused):
        raise source.error
    if is_address(source):
        raise VideoError(
            f"{Url(source).shown} stands in a list, and addresses are opened only where you give them "
            "yourself; download it, or give it as a video"
        )
    name = name_elsewhere(source)
    if isinstance(source, Url):
        return _spooled(
            name, lambda file: _fetch(source, file), PurePosixPath(urlsplit(source.text).path).suffix
        )
    if isinstance(source, bytes | bytearray | memoryview):
        return _spooled(name, lambda file: _write_bytes(source, file))
    return _spooled(name, lambda file: _copy_open(source, name, file), PurePosixPath(name).suffix)


def _spooled(name: str, fill: Callable[[BinaryIO], None], suffix: str = "") -> Spooled:
    """A file of this user's alone, filled."""
    file, spooled = open_spooled(name, suffix)
    try:
        with file:
            fill(file)
            size = file.tell()
        if not size:
            raise VideoError(f"{name} is empty; expected a video")
    except BaseException as error:
        spooled.close()
        if isinstance(error, OSError):
            raise _no_room(name, error) from None
        raise
    return spooled


def open_spooled(name: str, suffix: str = "") -> tuple[BinaryIO, Spooled]:
    """An empty file of this user's alone, open to be filled, and the video that it will be.

    Args:
        name: what messages call the video.
        suffix: of the file, which is kept where it is one of a video.

    Raises:
        VideoError: there is no room for it.
    """
    import tempfile  # decoding children, which need none of this, start without it

    kept = suffix if suffix.lower() in VIDEO_SUFFIXES else ""
    try:
        handle, path = tempfile.mkstemp(kept, "zeroshot-")
    except OSError as error:
        raise _no_room(name, error) from None
    return os.fdopen(handle, "wb"), Spooled(name, path)


def _no_room(name: str, error: OSError) -> VideoError:
    import tempfile

    folder = tempfile.gettempdir()
    reason = (error.strerror or str(error)).lower()
    return VideoError(f"cannot keep {name} in {folder}: {reason}; set TMPDIR to a folder with room")


def _write_bytes(source: bytes | bytearray | memoryview, file: BinaryIO) -> None:
    file.write(source)


def _copy_open(source: Any, name: str, file: BinaryIO) -> None:  # noqa: ANN401 - anything with a `read`
    """All of an open file, which is then where it was: the same file given again is the same video."""
    place = None
    with suppress(OSError, AttributeError, ValueError):  # a pipe has no places
        place = source.tell()
        source.seek(0)
    try:
        _copy(source, name, file)
    except (OSError, ValueError) as error:
        raise VideoError(f"cannot read {name}: {printable(str(error))}; open it for reading") from None
    finally:
        if place is not None:
            with suppress(OSError, ValueError):
                source.seek(place)


def _copy(stream: Any, name: str, file: BinaryIO, most: int | None = None) -> int:  # noqa: ANN401 - anything with a `read`
    """How many bytes there were."""
    count, most = 0, _MOST_BYTES if most is None else most
    while piece := stream.read(_PIECE_BYTES):
        if not isinstance(piece, bytes | bytearray):
            raise VideoError(f"{name} is open as text; open it with open(path, 'rb')")
        count += len(piece)
        if count > most:
            size = f"{most >> 30} GiB" if most >= 1 << 30 else f"{most:,} bytes"
            raise VideoError(f"{name} has more than {size}; download it yourself")
        file.write(piece)
    return count


def _fetch(url: Url, file: BinaryIO) -> None:
    """All that lies at an address."""
    scheme = url.text.partition("://")[0].lower()
    if scheme in _WEB:
        return _fetch_web(url, file)
    if scheme in _STORES:
        return _fetch_store(url, file)
    raise VideoError(
        f"{url.shown} cannot be opened: {printable(scheme)} is no scheme that is known here "
        f"({', '.join((*_WEB, *_STORES))}); give the path of a file"
    )


def _fetch_web(url: Url, file: BinaryIO) -> None:
    """All that a web server answers."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        asked = Request(*_plain(url))  # noqa: S310 - http(s), see _fetch
        with urlopen(asked, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            if answer.headers.get_content_type() == "text/html":
                raise VideoError(
                    f"{url.shown} is a web page, no video; give the address of the video file itself"
                )
            wanted = answer.headers.get("Content-Length")
            count = _copy(answer, url.shown, file, url.most_bytes)
    except HTTPError as error:
        error.close()
        raise _unfetched(url, f"the server answers {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise _unfetched(url, getattr(reason, "strerror", None) or str(reason)) from None
    if wanted is not None and wanted.isdecimal() and count < int(wanted):
        raise _unfetched(url, f"it broke off after {count:,} of {int(wanted):,} bytes")


def _plain(url: Url) -> tuple[str, None, dict[str, str]]:
    """The address without name and password, no body, and headers that carry these."""
    parts = urlsplit(url.text)
    headers = {"User-Agent": f"zeroshot/{VERSION}"}
    who, _, place = parts.netloc.rpartition("@")
    if who:
        headers["Authorization"] = f"Basic {b64encode(unquote(who).encode()).decode()}"
    return urlunsplit(parts._replace(netloc=place, fragment="")), None, headers


def _fetch_store(url: Url, file: BinaryIO) -> None:
    """All of an object in somebody's store."""
    try:
        import fsspec
    except ImportError:
        raise VideoError(
            f"{url.shown} needs fsspec; pip install fsspec, or give the path of a file"
        ) from None
    try:
        with fsspec.open(url.text, "rb") as remote:
            _copy(remote, url.shown, file, url.most_bytes)
    except VideoError:
        raise
    except ImportError as error:
        raise VideoError(
            f"{url.shown} cannot be opened: {printable(str(error))}; or download it yourself"
        ) from None
    except Exception as error:  # noqa: BLE001 - each store has errors of its own
        raise _unfetched(url, f"{type(error).__name__}: {error}") from None


def _unfetched(url: Url, reason: str) -> VideoError:
    words = printable(" ".join(reason.replace(url.text, url.shown).split())[:200])
    return VideoError(f"cannot fetch {url.shown}: {words}; check the address, or download it yourself")
