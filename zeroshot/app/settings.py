"""What a server lets in, and how much of it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import OptionError, printable, require_number, require_whole
from zeroshot.resources import from_home, require_installed

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORTEST_TOKEN = 16
LONGEST_QUESTION = 4 << 20
"""Bytes of JSON in one question: four thousand labels with descriptions fit several times."""


@dataclass(frozen=True)
class Serving:
    """How a server serves.

    Attributes:
        folders: videos are named by their paths below these; without any they can only be uploaded.
        embeddings: folders of `zeroshot embed`, which are searched by their last names.
        host: where it listens. Any other than this machine's own needs a token.
        port: 0 takes one that is free.
        token: which every question then has to bring along, as `Authorization: Bearer TOKEN`.
        allow_addresses: fetch videos from http:// and https:// addresses that whoever asks chooses, inside
            your network, too.
        time_limit_seconds: for one question, from its first byte to its answer. Labels being encoded
            are not broken off.
        most_waiting: questions at a time; one more is asked to come back later.
        most_upload_bytes: of one video; as many times `most_waiting` must have room on the disk.
        most_texts: labels, times templates, that one question may bring along, each of which is encoded.
    """

    folders: Sequence[str | os.PathLike[str]] = ()
    embeddings: Sequence[str | os.PathLike[str]] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allow_addresses: bool = False
    time_limit_seconds: float = 60.0
    most_waiting: int = 64
    most_upload_bytes: int = 512 << 20
    most_texts: int = 4096

    def __post_init__(self) -> None:
        """Refuse what would let in more than is meant.

        Raises:
            OptionError: a folder that is none, a number that makes no sense, a token that is too short, or
                none where strangers can reach the server.
        """
        require_whole("port", self.port, 0, 65_535)
        for name in ("most_waiting", "most_upload_bytes", "most_texts"):
            require_whole(name, getattr(self, name))
        require_number("time_limit_seconds", self.time_limit_seconds)
        if not self.time_limit_seconds > 0:
            raise OptionError(f"time_limit_seconds is {self.time_limit_seconds}; expected a number above 0")
        if self.token is not None and (len(self.token) < _SHORTEST_TOKEN or not self.token.isascii()):
            raise OptionError(
                f"the token has {len(self.token)} characters; expected {_SHORTEST_TOKEN} or more of ASCII: "
                'python -c "import secrets; print(secrets.token_urlsafe())"'
            )
        if self.token is None and not self.is_loopback:
            raise OptionError(
                f"host {printable(self.host)} lets others in, and there is no token; set ZEROSHOT_TOKEN, or "
                "serve on 127.0.0.1"
            )
        for name in ("folders", "embeddings"):
            given = getattr(self, name)
            listed = [given] if isinstance(given, str | os.PathLike) else given
            object.__setattr__(self, name, tuple(_folder(each) for each in listed))

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches the host."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def file_limit_seconds(self) -> float:
        """Of processor time for one file, so that one that hangs leaves time for those behind it."""
        return min(60.0, max(1.0, self.time_limit_seconds / 3))


def require_libraries() -> None:
    """Refuse to serve without what that takes.

    Raises:
        OptionError: a library of the extra `serve` is not installed.
    """
    libraries = ("starlette", "uvicorn", "python_multipart", "pydantic", "mcp")
    require_installed("serving needs", libraries, extra="serve")


def _folder(given: str | os.PathLike[str]) -> Path:
    """The folder, without links in its own path.

    Raises:
        OptionError: it is none.
    """
    folder = Path(from_home(given))
    if not folder.is_dir():
        raise OptionError(f"{printable(folder)} is no folder; expected one that is there")
    return folder.resolve()
