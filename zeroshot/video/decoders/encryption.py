"""Whether a file is encrypted: decoders make pictures of noise of such files without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import VideoError

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import InputContainer
    from av.packet import Packet

_TAGS = frozenset({"encv", "drmi", "p608"})
_ASF_ENCRYPTION = (  # the header objects "content encryption" and "extended content encryption"
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
_HEAD_BYTES = 2 << 20
_TS_PACKET = 188
_ENOUGH = 4  # scrambled packets: fewer may be damage


def refuse_encrypted_file(path: str, name: str, container: InputContainer, stream: VideoStream) -> None:
    """Refuse a file whose headers, or whose first packets' headers, say that its pictures are encrypted.

    Args:
        path: absolute.
        name: for messages.
        container: open.
        stream: of the pictures.

    Raises:
        VideoError: they are.
    """
    kind = container.format.name
    encrypted = stream.codec_context.codec_tag in _TAGS or "enc_key_id" in stream.metadata
    if not encrypted and kind in {"mpegts", "mpeg", "asf"}:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if kind == "mpegts":
            encrypted = _scrambled_transport(head, stream.id) >= _ENOUGH
        elif kind == "mpeg":
            encrypted = _scrambled_program(head) >= _ENOUGH
        else:
            encrypted = any(mark in head for mark in _ASF_ENCRYPTION)
    if encrypted:
        raise _encrypted(name)


def refuse_encrypted_packet(packet: Packet[VideoStream], name: str) -> None:
    """Refuse a packet that comes with what is needed to decrypt it.

    Raises:
        VideoError: it does.
    """
    if packet.has_sidedata("encryption_info"):
        raise _encrypted(name)


def _encrypted(name: str) -> VideoError:
    """The one line."""
    return VideoError(
        f"cannot decode {name}: its pictures are encrypted (DRM); give a copy that is not protected"
    )


def _scrambled_transport(head: bytes, stream_id: int) -> int:
    """How many packets of an MPEG transport stream's video say that they are scrambled."""
    start = next(
        (
            place
            for place in range(4 * _TS_PACKET)
            if head[place : place + 3 * _TS_PACKET : _TS_PACKET] == b"\x47" * 3
        ),
        None,
    )
    if start is None:
        return 0
    count = 0
    for place in range(start, len(head) - 3, _TS_PACKET):
        pid = (head[place + 1] & 0x1F) << 8 | head[place + 2]
        count += head[place] == 0x47 and pid == stream_id and head[place + 3] >> 6 > 1
    return count


def _scrambled_program(head: bytes) -> int:
    """How many packets of an MPEG program stream's video say that they are scrambled, as on DVDs."""
    count = 0
    place = head.find(b"\0\0\1\xe0")
    while 0 <= place < len(head) - 6:
        flags = head[place + 6]
        count += flags >> 6 == 2 and flags >> 4 & 3 != 0
        place = head.find(b"\0\0\1\xe0", place + 4)
    return count
