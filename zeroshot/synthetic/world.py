"""The puppet world's nouns: its actions and scenes, and videos of which every factor is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeroshot.errors import OptionError, require_kinds
from zeroshot.synthetic.poses import PROGRAMMES
from zeroshot.synthetic.scenes import PAINTERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACTIONS: tuple[str, ...] = tuple(PROGRAMMES)
"""Names of all actions; the place in the tuple is the class index."""

SCENES: tuple[str, ...] = tuple(PAINTERS)
"""Names of all scenes; the place in the tuple is the scene index."""

ORDER_PAIRS: tuple[tuple[str, str], ...] = (
    ("raising an arm", "lowering an arm"),
    ("raising both arms", "lowering both arms"),
    ("squatting down", "standing up"),
    ("bowing", "straightening up"),
    ("turning left", "turning right"),
    ("lying down", "getting up"),
)
"""Actions that differ in nothing but the order of their frames."""


@dataclass(frozen=True)
class View:
    """How videos are taken.

    Attributes:
        num_frames: T, frames a video.
        size: height and width in pixels.
        fps: frames a second; repeated movements take about a second, one-way ones fill the video.
        camera_jitter: how far a hand-held camera strays, in frame heights; 0 stands still.
    """

    num_frames: int = 16
    size: tuple[int, int] = (64, 64)
    fps: float = 8.0
    camera_jitter: float = 0.01

    @classmethod
    def of(cls, num_frames: int | None = None, side: int | None = None) -> View:
        """A view of so many frames of side × side pixels; None is what is usual."""
        number = cls.num_frames if num_frames is None else num_frames
        return cls(number, cls.size if side is None else (side, side))

    def __post_init__(self) -> None:
        """Refuse what cannot be rendered."""
        require_kinds(self)
        if self.num_frames < 1:
            raise OptionError(f"{self.num_frames} frames; expected 1 or more")
        if min(self.size) < 8 or max(self.size) > 4096:
            raise OptionError(f"frames of {self.size[0]}x{self.size[1]} pixels; expected 8 to 4096 a side")
        if not 0 < self.fps <= 240:
            raise OptionError(f"{self.fps} frames a second; expected more than 0, at most 240")
        if not 0 <= self.camera_jitter <= 0.2:
            raise OptionError(f"camera jitter {self.camera_jitter}; expected 0 to 0.2 frame heights")


@dataclass(frozen=True, eq=False)
class PuppetVideo:
    """One video and the factors it was made of. `frames == composite(figure, alpha, background)`, exactly.

    Attributes:
        frames: (T, 3, H, W) uint8 RGB.
        masks: (T, H, W) bool, the puppet's pixels (its shadow not among them).
        background: (T, 3, H, W) uint8, the same without the puppet and its shadow.
        figure: (T, 3, H, W) uint8, the puppet's own colours; black where there is none.
        alpha: (T, H, W) uint8, how much the puppet (255) or its shadow (about 100) covers.
        joints: (T, J, 3) float32, where the joints named in `skeleton.JOINTS` are: x and y in pixels from the
            upper left corner, and how much nearer than the hips.
        action: index into `ACTIONS`.
        scene: index into `SCENES`.
        seed: of everything else.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    background: NDArray[np.uint8]
    figure: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    joints: NDArray[np.float32]
    action: int
    scene: int
    seed: int


def composite(
    figure: NDArray[np.uint8], alpha: NDArray[np.uint8], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """(T, 3, H, W) uint8: a figure laid over a background, rounded to the nearest level.

    Args:
        figure: (T, 3, H, W) uint8.
        alpha: (T, H, W) uint8.
        background: (T, 3, H, W) uint8.
    """
    cover = alpha[:, None].astype(np.uint16)
    blended = figure * cover + background * (255 - cover) + 128
    # Division by 255 to the nearest whole number, without dividing: exact for all sums of 16 bits that occur.
    levels: NDArray[np.uint8] = ((blended + (blended >> 8)) >> 8).astype(np.uint8)
    return levels


def swap(person: PuppetVideo, place: PuppetVideo) -> NDArray[np.uint8]:
    """(T, 3, H, W) uint8: the puppet of one video (and its shadow) on the frames of another's background."""
    if person.frames.shape != place.frames.shape:
        raise OptionError(
            f"cannot swap between videos of shapes {person.frames.shape} and {place.frames.shape}"
        )
    return composite(person.figure, person.alpha, place.background)


def human_only(video: PuppetVideo, colour: tuple[int, int, int] = (124, 116, 104)) -> NDArray[np.uint8]:
    """(T, 3, H, W) uint8: the puppet, no shadow, on one plain colour (ImageNet's mean unless told)."""
    plain = np.asarray(colour, dtype=np.uint8)[:, None, None]
    return np.where(video.masks[:, None], video.frames, plain)
