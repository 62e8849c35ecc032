"""In what sets differ from those of the papers that they are made after, a line each, for every report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot.bias.manifest import PICTURED, SWAPS
from zeroshot.cutouts.finders import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any


def differences(kinds: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """What a reader of figures on these sets has to know who compares them with published ones.

    Args:
        kinds: of videos that are there.
        settings: how they were made, as the manifest says.
    """
    lines: list[str] = []
    if {"background-only", "human-only", *SWAPS} & set(kinds):
        lines += [f"HAT: {line}" for line in _hat(kinds, settings)]
    if set(PICTURED) & set(kinds):
        lines += [f"SCUBA: {line}" for line in _scuba(kinds, settings)]
    if "afd" in kinds:
        lines += [f"AFD: {line}" for line in _NOISE]
    return lines


_NOISE = (
    "flow is followed from coarse to fine after Lucas and Kanade, there by a network (RAFT)",
    "noise goes where the clip goes; the released code reads it where a pixel goes to, the other way",
    "each pixel of the noise is used once a frame, there as often as it is asked for, so that copies beside "
    "each other show in one frame where something moves",
    "nothing is lost in the files; there a codec compresses them",
)


def _found(settings: Mapping[str, Any]) -> str:
    """How persons were found, in words."""
    masks = settings.get("masks")
    return "by masks in files" if masks == FILES else f"guessed by {masks}"


def _hat(kinds: Sequence[str], settings: Mapping[str, Any]) -> Iterator[str]:
    """Against Chung et al., NeurIPS 2022, and their released code."""
    yield f"persons {_found(settings)}, there by a network for segmentation (SeMask)"
    if settings.get("backgrounds") != "files":
        yield "places filled from other moments of the clip and from around, there by a network (E2FGVI)"
    if "human-only" in kinds:
        yield "the colour around persons is the mean of these videos; the released code takes ImageNet's"
    if not set(SWAPS) & set(kinds):
        return
    yield (
        "persons are put where the other one stood in the first frame of both clips; there in the first "
        "frame that the scored model samples, so that the video depends on the model"
    )
    yield "a swap's right answer is its person's label; the released data set hands out its background's"
    listed = settings.get("pair_lists") or {}
    for pairing, digest in listed.items():
        yield f"{pairing}: pairs of a published list ({digest[:12]}), whatever share the masks here have"
    if {"swap-close", "swap-far"} - {f"swap-{pairing}" for pairing in listed} & set(kinds):
        yield "close and far go by the colours of places in a 4 × 4 grid, there by a scene network"
    if "swap-close" in kinds and "close" not in listed:
        yield "close draws among the five nearest labels, or the nearer half of fewer than ten others"
    if "swap-far" in kinds and "far" not in listed:
        yield "far draws from the one farthest label"


def _scuba(kinds: Sequence[str], settings: Mapping[str, Any]) -> Iterator[str]:
    """Against Li et al., ICCV 2023, and their released code."""
    yield (
        f"persons {_found(settings)}; there drawn by hand (HMDB51), boxes (UCF101), or two networks "
        "that leave out clips with little to see (Kinetics)"
    )
    if settings.get("images") == "files":
        yield "pictures are those of a folder here; there Places365's test pictures, or generated ones"
    yield f"pictures a clip: {settings.get('pictures_per_clip')}; there 5 of HMDB51 and UCF101, 1 of Kinetics"
    if "scufo" in kinds:
        yield "the frame of SCUFO is drawn with a seed; there without, which moves it by less than a point"
    if "conflict" in kinds:
        yield "the still person stands where the moving one hides it least"
