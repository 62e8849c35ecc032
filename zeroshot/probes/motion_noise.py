"""How much answers change under noise that follows what moves, that stands still, or that flickers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.cutouts.optical_flow import backward_flow
from zeroshot.probes.probe import Finding, of_stream, spoken
from zeroshot.reports.document import Table
from zeroshot.statistics.jackknife import groups_of, mean_over_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject
    from zeroshot.statistics.intervals import Estimate

LEVELS = (4.0, 8.0)
"""Of 255, that noise adds or takes at every pixel."""

_TITLE = "Noise that moves, stands still, or flickers"
_MEANINGS = {
    "motion": "noise that moves along with what moves",
    "still": "the same noise in each frame",
    "frames": "other noise in each frame",
    "change of margin": "mean size of the change of the right label's score above the best other one; the "
    "three kinds are of equal size at every pixel, so that only their movement differs",
}


@dataclass(frozen=True)
class NoiseEffect:
    """What one kind of noise does to one stream.

    Attributes:
        kind: `motion`, `still` or `frames`.
        levels: of 255.
        change: mean size of the change of the margin, in units of the scores.
        flipped: share of the answers that become others.
    """

    kind: str
    levels: float
    change: Estimate
    flipped: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"levels": self.levels, "change": self.change.as_dict(), "flipped": self.flipped}


def motion_noise(subject: Subject, clips: Clips) -> Finding:
    """Mean change of each stream's margin for each kind of noise.

    Source: after the motion-excited sampler, Zhang et al., ECCV 2020; there one field serves all frames,
    which a stream that subtracts the mean over time cannot see: here each frame has its own.
    """
    if clips.batch([0]).ndim != 5:
        note = "no probe of noise: it needs frames, and these clips are tokens"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    before = clips.ask(subject.answer)
    found: dict[str, list[NoiseEffect]] = {stream: [] for stream in before}
    for kind in KINDS:
        noise = Noise(kind, clips.seed)
        for levels in LEVELS:
            after = clips.ask(subject.answer, partial(noise.on, levels=levels))
            for stream, effects in found.items():
                effects.append(_effect(kind, levels, before[stream], after[stream], clips))
    rows = [
        (
            f"change of margin, {effect.kind}, {effect.levels:g} of 255",
            *(_figure(found[stream][place]) for stream in found),
        )
        for place, effect in enumerate(next(iter(found.values())))
    ]
    table = Table(("noise", *found), rows)
    by_stream = {
        f"{stream}, {effect.kind}, {effect.levels:g}": effect for stream in found for effect in found[stream]
    }
    return Finding(
        _TITLE, table, meanings=_MEANINGS, by_stream=by_stream, verdict=_verdict(subject.stream, found)
    )


def margins(scores: NDArray[Any], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) score of the right label minus that of the best other one, of (n, K)."""
    rows = np.asarray(scores, np.float64)
    own = np.take_along_axis(rows, targets[:, None], axis=1)[:, 0]
    others = rows.copy()
    np.put_along_axis(others, targets[:, None], -np.inf, axis=1)
    result: NDArray[np.float64] = own - others.max(1)
    return result


class Noise:
    """Noise of one kind, made once for each clip.

    Args:
        kind: of `KINDS`.
        seed: of the noise; the same for each clip.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self._make, self._seed = KINDS[kind], seed
        self._made: dict[bytes, NDArray[np.int8]] = {}

    def on(self, frames: Tensor, levels: float) -> Tensor:
        """(B, T, 3, H, W) float32 with `levels` more or less at every pixel; within 0 to 255.

        Args:
            frames: (B, T, 3, H, W), levels 0 to 255.
            levels: how much; 0 leaves the frames as they are.
        """
        if levels == 0:
            return frames
        noisy = [clip.float() + levels * torch.from_numpy(self._of(clip)) for clip in frames]
        return torch.stack(noisy).clamp_(0, 255)

    def _of(self, clip: Tensor) -> NDArray[np.int8]:
        """(T, 3, H, W) −1 or 1."""
        name = hashlib.sha256(clip.contiguous().numpy().tobytes()).digest()
        if name not in self._made:
            self._made[name] = self._make(clip, self._seed)
        return self._made[name]


def _signs(shape: tuple[int, ...], seed: int) -> NDArray[np.int8]:
    """−1 or 1 anywhere, by even chances."""
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.int8) * 2 - 1


def _along(clip: Tensor, seed: int) -> NDArray[np.int8]:
    """(T, 3, H, W) noise that moves along with what moves."""
    return NoiseField(clip, np.random.default_rng(seed)).carry(_signs(tuple(clip.shape[1:]), seed))


class NoiseField:
    """Noise that moves along with what moves in a clip.

    Args:
        clip: (T, 3, H, W) levels.
        draw: of the noise.
    """

    def __init__(self, clip: Tensor, draw: np.random.Generator) -> None:
        self._shape, self._draw = tuple(clip.shape), draw
        levels = clip.clamp(0, 255).to(torch.uint8).numpy()
        flow = np.rint(np.stack(list(backward_flow(levels)))).astype(np.intp)
        height, width = self._shape[2:]
        down, across = np.mgrid[0:height, 0:width]
        self._rows = (down + flow[:, 1]).clip(0, height - 1)
        self._columns = (across + flow[:, 0]).clip(0, width - 1)

    def draw(self) -> NDArray[np.float32]:
        """(T, 3, H, W) Gaussian noise."""
        return self.carry(self._draw.standard_normal(self._shape[1:], dtype=np.float32))

    def carry(self, noise: NDArray[Any]) -> NDArray[Any]:
        """(T, 3, H, W): in the first frame this noise (3, H, W), in each other one the one before, moved."""
        frames = [noise]
        for rows, columns in zip(self._rows[1:], self._columns[1:], strict=True):
            frames.append(frames[-1][:, rows, columns])
        return np.stack(frames)


def _still(clip: Tensor, seed: int) -> NDArray[np.int8]:
    """(T, 3, H, W) the same noise in each frame."""
    return np.broadcast_to(_signs(tuple(clip.shape[1:]), seed), tuple(clip.shape)).copy()


def _flicker(clip: Tensor, seed: int) -> NDArray[np.int8]:
    """(T, 3, H, W) other noise in each frame."""
    return _signs(tuple(clip.shape), seed)


KINDS: Mapping[str, Callable[[Tensor, int], NDArray[np.int8]]] = MappingProxyType(
    {"motion": _along, "still": _still, "frames": _flicker}
)


def _effect(kind: str, levels: float, before: NDArray[Any], after: NDArray[Any], clips: Clips) -> NoiseEffect:
    """Of one stream."""
    first, second = np.asarray(before), np.asarray(after)
    change = np.abs(margins(second, clips.targets) - margins(first, clips.targets))
    mean = mean_over_groups(change, groups_of(len(change), clips.video_numbers))
    flipped = float((first.argmax(1) != second.argmax(1)).mean())
    return NoiseEffect(kind, levels, mean, flipped)


def _figure(effect: NoiseEffect) -> str:
    """Change with its interval, and the share of other answers."""
    change = effect.change
    return (
        f"{change.value:.4f} [{change.low:.4f}, {change.high:.4f}], {effect.flipped:.0%} answered otherwise"
    )


def _verdict(stream: str, found: dict[str, list[NoiseEffect]]) -> str:
    """Of the stream that answers, at the stronger noise."""
    strong = {effect.kind: effect.change.value for effect in found[stream] if effect.levels == max(LEVELS)}
    if not strong["still"]:
        return f"Noise that stands still does not change {spoken(stream)}."
    ratio = strong["motion"] / strong["still"]
    return (
        f"Noise that moves with the motion changes the answer{of_stream(stream)} {ratio:.1f} times as much "
        "as noise that stands still."
    )
