"""All finders of persons, by name; `bias make --masks` and `train --swapped --masks` choose among them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from zeroshot.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zeroshot.cutouts.finder import Finder

MOTION, TOKENS, FILES, NETWORK = "motion", "tokens", "files", "network"


def _motion(value: str) -> Finder:
    from zeroshot.cutouts.motion_mask import SHARE, MotionFinder

    try:
        return MotionFinder(float(value) if value else SHARE)
    except ValueError:
        raise OptionError(f"the share of moving pixels is {value!r}; expected above 0 and below 1") from None


def _tokens(value: str) -> Finder:
    from zeroshot.cutouts.token_mask import TokenFinder
    from zeroshot.model.backbone import load_backbone

    return TokenFinder(load_backbone(value))


def _files(value: str) -> Finder:
    from zeroshot.cutouts.mask_files import MaskFiles

    return MaskFiles(value)


def _network(value: str) -> Finder:
    from zeroshot.cutouts.segmenter import PersonSegmenter

    architecture, _, weights = value.partition(":")
    return PersonSegmenter(architecture, weights)


class Kind(NamedTuple):
    """One way to find persons.

    Attributes:
        open: gives the finder of what stands behind the colon.
        words: how it is asked for, and what it goes by; for help texts.
    """

    open: Callable[[str], Finder]
    words: str


FINDERS: Mapping[str, Kind] = MappingProxyType(
    {
        FILES: Kind(_files, "DIR or files:DIR, masks NAME.npz, NAME/*.png or NAME.mp4"),
        NETWORK: Kind(_network, "ARCHITECTURE:FILE, a segmentation network of torchvision and its weights"),
        TOKENS: Kind(_tokens, "tokens or tokens:MODEL, what looks like what moves in other videos"),
        MOTION: Kind(_motion, "motion or motion:SHARE, what moves, a rough guess"),
    }
)
"""Name → how persons are found so."""


def masks_help() -> str:
    """The ways to find persons, for a help text."""
    return "; ".join(kind.words for kind in FINDERS.values())


class Wanted(NamedTuple):
    """What an option asks for.

    Attributes:
        kind: of FINDERS.
        value: what stands behind the colon; may be empty.
    """

    kind: str
    value: str


def parse_masks(words: str) -> Wanted:
    """Which finder an option asks for: `KIND`, `KIND:VALUE`, `ARCHITECTURE:FILE`, or else a folder.

    >>> parse_masks("motion:0.3"), parse_masks("masks/")
    (Wanted(kind='motion', value='0.3'), Wanted(kind='files', value='masks/'))
    """
    kind, colon, value = words.partition(":")
    if kind in FINDERS and (colon or kind not in {FILES, NETWORK}):
        return Wanted(kind, value)
    if colon:
        from zeroshot.cutouts.segmenter import SEGMENTERS

        if kind in SEGMENTERS:
            return Wanted(NETWORK, words)
    return Wanted(FILES, words)


def masks_identity(words: str) -> str:
    """What an option asks for as settings record it: equal where the same is found, and without folders.

    Masks in files are all alike here, since each belongs to its video.

    Args:
        words: see `parse_masks`.

    Raises:
        VideoError: the weights of a network cannot be read.
    """
    kind, value = parse_masks(words)
    if kind == NETWORK:
        from zeroshot.video.identity import content_key

        architecture, _, weights = value.partition(":")
        return f"{architecture} {content_key(weights)[:12]}"
    return FILES if kind == FILES else words


def open_finder(words: str) -> Finder:
    """The finder that an option asks for.

    Args:
        words: see `parse_masks`.

    Raises:
        OptionError: no such folder, share or architecture.
        ModelError: weights that cannot be read.
    """
    kind, value = parse_masks(words)
    return FINDERS[kind].open(value)


def require_finder(words: str) -> None:
    """Refuse what `open_finder` would refuse, as far as it shows before a network's weights are read.

    Args:
        words: see `parse_masks`.

    Raises:
        OptionError: no such folder, share or architecture.
        ModelError: there can be no model of that name, or a file of weights is not there.
    """
    kind, value = parse_masks(words)
    if kind == TOKENS:
        from zeroshot.model.names import require_name

        if value:  # else the tokens of the model that is trained
            require_name(value)
    elif kind == NETWORK:
        from zeroshot.cutouts.segmenter import require_segmenter

        require_segmenter(*value.partition(":")[::2])
    else:
        open_finder(words)
