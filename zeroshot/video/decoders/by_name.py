"""Which decoders there are: a new one is a class and a line here. Nothing is loaded before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    import os

    from zeroshot.video.decoders.decoder import Decoder, OpenVideo


def open_with_pyav(path: str | os.PathLike[str], *, num_threads: int = 0, as_stored: bool = False) -> Decoder:
    """PyAV, which reads anything; pictures of animated WebP by PIL, which alone reads those."""
    from zeroshot.video.decoders.animated import AnimatedPicture, is_animated_webp
    from zeroshot.video.decoders.probe import require_file
    from zeroshot.video.decoders.pyav import PyavDecoder

    if is_animated_webp(require_file(path)):
        return AnimatedPicture(path)
    return PyavDecoder(path, num_threads=num_threads, as_stored=as_stored)


def open_with_decord(path: str | os.PathLike[str], *, num_threads: int = 0) -> Decoder:
    """decord, where it can be trusted."""
    from zeroshot.video.decoders.decord import DistrustedDecord

    return DistrustedDecord(path, num_threads=num_threads)


def open_as_stored(path: str | os.PathLike[str], *, num_threads: int = 0) -> Decoder:
    """PyAV, which leaves pixels as wide as they are stored and high dynamic range as it is."""
    return open_with_pyav(path, num_threads=num_threads, as_stored=True)


DECODERS: dict[str, OpenVideo] = {
    "auto": open_with_pyav,
    "decord": open_with_decord,
    "pyav": open_with_pyav,
    "raw": open_as_stored,
}
"""Decoders by name.

"auto" is whichever is faster of those that can be trusted: PyAV, which on all files measured took half to
nine tenths of decord's processor time. "decord" refuses files on which it cannot be trusted, and may hang or
end the process on them all the same. "raw" is PyAV that shows pixels as they are stored: wide ones are not
squared, high dynamic range not brought to an ordinary screen's.
"""


def require_decoder(name: str) -> str:
    """The decoder's name, if it is one.

    Raises:
        OptionError: it is none.
    """
    if name not in DECODERS:
        raise OptionError(f"decoder is {name!r}; expected one of {', '.join(DECODERS)}")
    return name
