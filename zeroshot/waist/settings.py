"""What makes the tokens of a waist, and what is made of each video beside itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from zeroshot.cutouts.finders import TOKENS
from zeroshot.errors import OptionError, told_apart
from zeroshot.store.files import crc32_of
from zeroshot.store.folder import first_difference

if TYPE_CHECKING:
    from collections.abc import Mapping


_LATER = frozenset({"masks", "frames", "placement", "mixed", "emptied"})
"""Settings that there were not from the first."""


@dataclass(frozen=True)
class Copies:
    """What is made of each video beside itself, so that training sees more.

    Attributes:
        mirrored: each clip a second time, mirrored left to right, among the clips of its row; training draws
            either, with "left" and "right" exchanged in the label.
        swapped: each video a second time, its person before another video's place, both found without
            annotation; a row of its own, of the same label, where the other video was. Right where the camera
            mostly rests.
        mixed: each video a second time, mixed with a still frame of another video that looks like an action
            by itself (`mixed_copies.FrameMixer`); a row of its own, of the same label and scene.
        emptied: each video a second time without its person; no row, since nothing is done there.
        masks: who finds the persons: `tokens`, those of the backbone itself, or what `finders.FINDERS` knows,
            such as a folder of masks.
        required: whether swapped or emptied copies that cannot be made, since nothing moves or nobody lends a
            place, are an error; otherwise there are none.
    """

    mirrored: bool = False
    swapped: bool = False
    mixed: bool = False
    emptied: bool = False
    masks: str = TOKENS
    required: bool = True


@dataclass(frozen=True)
class WaistSettings:
    """What made the tokens; equal settings make exchangeable rows.

    Attributes:
        backbone: name of the network, for people.
        fingerprint: of the network, for the machine; empty for made-up tokens.
        token_dim: C.
        embedding_dim: D.
        num_frames: T.
        num_samplings: S clips a video, at different moments.
        grid: (rows, columns) of patch tokens after pooling.
        mirrored: as in `Copies`.
        swapped: as in `Copies`.
        masks: as in `Copies`, without the names of folders (`finders.masks_identity`).
        stride_seconds: as in `Sampling`.
        seed: as in `Sampling`.
        start_seconds: as in `Sampling`.
        end_seconds: as in `Sampling`.
        frames: as in `Sampling`.
        placement: as in `Sampling`.
        mixed: as in `Copies`.
        emptied: as in `Copies`.
    """

    backbone: str
    fingerprint: str
    token_dim: int
    embedding_dim: int
    num_frames: int
    num_samplings: int
    grid: tuple[int, int]
    stride_seconds: float | None = None
    seed: int | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None
    mirrored: bool = False
    swapped: bool = False
    masks: str = TOKENS
    frames: str = "even"
    placement: str = "segments"
    mixed: bool = False
    emptied: bool = False

    @property
    def num_clips(self) -> int:
        """S' = S clips a video, or 2·S where the mirrored ones follow in the same order."""
        return self.num_samplings * (2 if self.mirrored else 1)

    @property
    def tokens_shape(self) -> tuple[int, int, int, int]:
        """(S', T, 1+N, C) of one video."""
        return self.num_clips, self.num_frames, 1 + self.grid[0] * self.grid[1], self.token_dim

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them; the usual of some are left out, as before there were others."""
        usual = {entry.name: entry.default for entry in fields(self) if entry.name in _LATER}
        known = {**asdict(self), "grid": list(self.grid)}
        return {name: value for name, value in known.items() if name not in usual or value != usual[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WaistSettings:
        """The settings that `as_dict` wrote; other names are left aside."""
        known = {entry.name: values[entry.name] for entry in fields(cls) if entry.name in values}
        return cls(**{**known, "grid": tuple(known["grid"])})

    @property
    def made_with(self) -> str:
        """Short name of all but the name of the network, which changes no token."""
        return crc32_of({**self.as_dict(), "backbone": ""})

    def require_backbone(self, name: str, fingerprint: str) -> None:
        """Refuse tokens that another network made than the one they are to be read with.

        Args:
            name: of that one, for people.
            fingerprint: of that one.

        Raises:
            OptionError: another one did; made-up tokens go with any.
        """
        if self.fingerprint not in {"", fingerprint}:
            mine, given = told_apart((self.backbone, self.fingerprint), (name, fingerprint))
            raise OptionError(
                f"the tokens are of the backbone {mine}, not of {given}; "
                "take that one, or write tokens with this one"
            )

    def difference(self, other: WaistSettings) -> str | None:
        """The first setting, in words, in which other's tokens are of another kind than these; or None."""
        if self.fingerprint != other.fingerprint:
            first, second = told_apart((self.backbone, self.fingerprint), (other.backbone, other.fingerprint))
            return f"tokens of the backbone {first}, not of {second}"
        mine, theirs = (
            {**each.as_dict(), "mixed": each.mixed, "emptied": each.emptied, "backbone": ""}
            for each in (self, other)
        )
        found = first_difference(mine, theirs, "not")
        return None if found is None else f"tokens with {found}"
