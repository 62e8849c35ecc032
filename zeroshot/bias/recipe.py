"""What is to be made, and the pieces of paper that go along with each video while it is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from zeroshot.bias.manifest import FORMAT, KINDS, USUAL
from zeroshot.bias.pair_lists import parse_pairs
from zeroshot.checkpoint import DEFAULT_MODEL
from zeroshot.cutouts.finders import MOTION, TOKENS
from zeroshot.errors import OptionError, OutputError, require_kinds
from zeroshot.video.identity import content_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from zeroshot.video.source import VideoSource

WORK = ".work"
FIVE = ("hmdb51", "ucf101")
"""Data sets of whose clips StillMix stands each before five pictures; of Kinetics before one."""


@dataclass(frozen=True)
class BiasRecipe:
    """How biased test sets are made.

    Attributes:
        kinds: which; `original` and `background-only` always are, the others are made of them.
        masks: who finds the persons, see `finders.FINDERS`: `motion`; `tokens`, of the default model, or
            `tokens:MODEL`; a folder of masks; or `ARCHITECTURE:FILE`, a segmentation network and its weights.
        backgrounds: a folder of videos without their persons, where somebody has them (another inpainter's
            work, or a world that knows); None takes the persons out by what was seen at other times.
        images: a folder of pictures for SCUBA and conflict clips; None paints stripes.
        seed: of partners, pictures and stripes.
        least_person: share of a clip's pixels that a person covers at least, for swaps.
        most_person: and at most. The source's choice: below, there is nothing to see; above, no background.
        motion_share: share of a frame's pixels that motion masks may take.
        max_seconds: of each video, from its start; bounds the memory.
        largest_side: the shorter side is reduced to so many pixels where it is longer; models read 224 to
            336.
        crf: quality of the videos as in `write_video`; 10 is off by about one level of 255. None loses
            nothing, at ten times the size. Noise (afd) never loses anything, since what a codec loses depends
            on what moves, and one frame would then tell.
        pictures_per_clip: pictures before which each clip stands, one after the other, in SCUBA and its kin;
            None: 5 for the data sets of FIVE, 1 for others, as the source has it.
        pair_lists: `PAIRING=FILE` each, published lists of who stands before whose place; see `read_pairs`.
            Other pairings are drawn.
    """

    kinds: tuple[str, ...] = USUAL
    masks: str = MOTION
    backgrounds: str | None = None
    images: str | None = None
    seed: int = 0
    least_person: float = 0.05
    most_person: float = 0.5
    motion_share: float = 0.25
    max_seconds: float = 10.0
    largest_side: int = 256
    crf: int | None = 10
    pictures_per_clip: int | None = None
    pair_lists: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse kinds that are none and numbers that mean nothing."""
        require_kinds(self)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise OptionError(f"no kind {unknown[0]!r}; expected some of: {', '.join(KINDS)}")
        ordered = tuple(kind for kind in KINDS if kind in {*self.kinds, *KINDS[:2]})
        object.__setattr__(self, "kinds", ordered)
        if not 0 <= self.least_person < self.most_person <= 1:
            raise OptionError(
                f"a person covers from {self.least_person} to {self.most_person}; "
                "expected 0 ≤ least < most ≤ 1"
            )
        if not 0 < self.motion_share < 1:
            raise OptionError(
                f"the share of moving pixels is {self.motion_share}; expected above 0 and below 1"
            )
        if not self.max_seconds > 0 or self.largest_side < 16:
            raise OptionError(
                f"{self.max_seconds} s of {self.largest_side} pixels; "
                "expected above 0 s, and 16 pixels or more"
            )
        if self.pictures_per_clip is not None and not 1 <= self.pictures_per_clip <= 1000:
            raise OptionError(f"{self.pictures_per_clip} pictures a clip; expected 1 to 1000")
        for pairing in parse_pairs(self.pair_lists):
            if f"swap-{pairing}" not in self.kinds:
                raise OptionError(f"a list of pairs for {pairing}, but no swap-{pairing} among the kinds")
        if not 0 <= self.seed < 2**63:
            raise OptionError(f"seed {self.seed}; expected a whole number from 0 to 2^63 - 1")

    @property
    def finder(self) -> str:
        """`masks` in full, as `finders.open_finder` takes it."""
        return {MOTION: f"{MOTION}:{self.motion_share}", TOKENS: f"{TOKENS}:{DEFAULT_MODEL}"}.get(
            self.masks, self.masks
        )

    def as_dict(self, finder_name: str) -> dict[str, Any]:
        """The fields as JSON holds them, without the names of folders, which decide nothing.

        Args:
            finder_name: stands for `masks`; of motion the share is a field of its own.
        """
        return {
            "format": FORMAT,
            **asdict(self),
            "kinds": list(self.kinds),
            "masks": MOTION if self.masks == MOTION else finder_name,
            "backgrounds": "files" if self.backgrounds else "inpainted",
            "images": "files" if self.images else "stripes",
            "pair_lists": {name: content_key(file) for name, file in parse_pairs(self.pair_lists).items()},
        }

    def for_dataset(self, name: str) -> BiasRecipe:
        """The recipe with what depends on the data set."""
        if self.pictures_per_clip is not None:
            return self
        return replace(self, pictures_per_clip=5 if name in FIVE else 1)


@dataclass(frozen=True, eq=False)
class Item:
    """One video of the split on its way.

    Attributes:
        row: in the split.
        name: of its files.
        source: the video.
        shown: the video as it is called.
        label: what the person does.
        scene: where, or empty.
        key: changes with the content of the video, its mask or its background.
        mask: file or folder, or None where the frames alone tell.
        background: file or folder, or None to make one.
    """

    row: int
    name: str
    source: VideoSource
    shown: str
    label: str
    scene: str
    key: str
    mask: Path | None
    background: Path | None


@dataclass(frozen=True)
class Facts:
    """What is known of a video once it was taken apart.

    Attributes:
        key: of the item.
        size: height and width of its frames.
        num_frames: T.
        fps: frames a second.
        person_share: see `mask_files.person_share`.
        colour_sums: of all frames, red, green, blue.
        layout: see `pairs.layout`.
        centre: row and column of the middle of the person in the first frame; see `composite.centre_of`.
        bystander_top: upper edge of the still bystander, as a share of the height.
        digests: kind → SHA-256 of the file.
        pieces: SHA-256 of the mask and of the bystander, as they were written for the second pass.
    """

    key: str
    size: tuple[int, int]
    num_frames: int
    fps: float
    person_share: float
    colour_sums: tuple[int, int, int]
    layout: tuple[float, ...]
    centre: tuple[float, float]
    bystander_top: float
    digests: Mapping[str, str]
    pieces: tuple[str, str]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Facts:
        """What `asdict` gave, as JSON holds it.

        Raises:
            OutputError: something is missing.
        """
        try:
            height, width = values["size"]
            red, green, blue = values["colour_sums"]
            row, column = values["centre"]
            mask, bystander = values["pieces"]
            if set(values["digests"]) != set(KINDS[:2]):
                raise ValueError("its videos")
            return cls(
                **{
                    **values,
                    "size": (height, width),
                    "colour_sums": (red, green, blue),
                    "layout": tuple(values["layout"]),
                    "centre": (float(row), float(column)),
                    "pieces": (mask, bystander),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise OutputError(f"a note is damaged ({error}); delete the folder and make it again") from error


@dataclass(frozen=True)
class Places:
    """Where things lie in the output folder.

    Attributes:
        folder: of everything.
    """

    folder: Path

    def video(self, kind: str, name: str) -> Path:
        """A video of a kind."""
        return self.folder / kind / f"{name}.mp4"

    def name(self, path: Path) -> str:
        """A file as the manifest names it, `KIND/NAME`."""
        return path.relative_to(self.folder).as_posix()

    def mask(self, item: Item) -> Path:
        """The mask that was used, as (T, H, W) levels."""
        return self.folder / "masks" / f"{item.name}.npz"

    def bystander(self, item: Item) -> Path:
        """The person of one frame, cut out."""
        return self.folder / WORK / "figures" / f"{item.name}.png"

    def facts(self, item: Item) -> Path:
        """What is known of the video."""
        return self.folder / WORK / "facts" / f"{item.name}.json"

    def edits(self, item: Item) -> Path:
        """Which edits of it are there."""
        return self.folder / WORK / "edits" / f"{item.name}.json"
