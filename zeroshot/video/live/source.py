"""What may be watched: a camera, the address of a stream, or a file that grows."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeroshot.errors import VideoError, printable
from zeroshot.video.source import Url, a_kind, is_address, without_scheme

# What may be opened for the sake of an address: never a file of this computer.
_WEB = "http,https,tcp,tls,crypto"
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp,tls,http,https,crypto",
    "rtsps": "rtsp,rtp,udp,tcp,tls,http,https,crypto",
    "http": _WEB,
    "https": _WEB,
    "tcp": "tcp",
    "udp": "udp",
    "rtp": "rtp,udp",
    "srt": "srt",
    "rtmp": "rtmp,tcp",
}


@dataclass(frozen=True)
class LiveSource:
    """A source that goes on.

    Attributes:
        text: the path or address.
        kind: "device", "address" or "file".
    """

    text: str
    kind: str

    @property
    def shown(self) -> str:
        """As messages show it: of an address without password and without what follows `?`."""
        return Url(self.text).shown if self.kind == "address" else printable(self.text)

    def opening(self) -> tuple[str, str | None, dict[str, str]]:
        """What libav is told: the name, the format where it cannot guess it, options."""
        if self.kind == "device":
            return self.text, "video4linux2", {}
        if self.kind == "file":  # the duration stands at the end, where a growing file would be waited for
            follow = {"protocol_whitelist": "file", "follow": "1", "skip_estimate_duration_from_pts": "1"}
            return f"file:{self.text}", None, follow
        scheme = self.text.partition("://")[0].lower()
        more = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
        return self.text, None, {"protocol_whitelist": _PROTOCOLS[scheme], **more}


def live_source(source: str | os.PathLike[str] | Any) -> LiveSource:  # noqa: ANN401 - anything a user gives
    """The source that is meant: an address only where it is one, else a path.

    Raises:
        VideoError: nothing like it is known, or nothing is there.
    """
    if not isinstance(source, str | os.PathLike):
        raise VideoError(f"{a_kind(source)} cannot be watched; give a path, a device or an address")
    text = without_scheme(os.fspath(source))
    if is_address(text):
        scheme = text.partition("://")[0].lower()
        if scheme not in _PROTOCOLS:
            raise VideoError(
                f"{Url(text).shown} cannot be watched; expected a path, or an address that begins with "
                f"{', '.join(_PROTOCOLS)}"
            )
        return LiveSource(text, "address")
    try:
        mode = Path(text).stat().st_mode
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "no such file").lower()
        raise VideoError(
            f"cannot watch {printable(text)}: {reason}; give a file that is there, a device such as "
            "/dev/video0, or an address such as rtsp://…"
        ) from None
    if stat.S_ISCHR(mode):
        return LiveSource(os.path.abspath(text), "device")  # noqa: PTH100 - links stay
    if stat.S_ISREG(mode):
        return LiveSource(os.path.abspath(text), "file")  # noqa: PTH100 - links stay
    raise VideoError(f"cannot watch {printable(text)}: it is a folder or a pipe; name a file or a device")
