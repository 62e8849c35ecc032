"""The clips of an audit: frames of puppets or videos, each decoded once, and the same persons elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from zeroshot.cutouts.composite import soft_over
from zeroshot.cutouts.finder import Footage
from zeroshot.cutouts.finders import MOTION, open_finder
from zeroshot.cutouts.inpaint import soft_plate
from zeroshot.errors import LabelError, VideoError, counted
from zeroshot.probes.subject import Clips, Swaps
from zeroshot.synthetic.coupling import sample_pairs
from zeroshot.synthetic.render import render_many
from zeroshot.synthetic.world import ACTIONS, SCENES, View, swap
from zeroshot.video.decoders.all_frames import Film
from zeroshot.video.processes.reader import ClipReader
from zeroshot.video.sampling import Sampling
from zeroshot.video.source import name_of
from zeroshot.video.transform import seen_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.cutouts.finder import Finder
    from zeroshot.datasets.splits import LabeledVideo, Split
    from zeroshot.synthetic.world import PuppetVideo
    from zeroshot.types import Clip
    from zeroshot.video.transform import Preprocess

_FIRST_SEED = 7_000_000  # of puppets that nobody was trained on
_COUPLING = 0.7
_DRAWN_AT_ONCE = 32
NUM_SYNTHETIC = 192


@dataclass(frozen=True)
class Look:
    """How a model looks at clips: which square of a frame, and how many frames.

    Attributes:
        preprocess: what is done to a frame; how its levels are normalized later does not count.
        num_frames: T.
    """

    preprocess: Preprocess
    num_frames: int

    def __post_init__(self) -> None:
        """Models that cut frames alike look alike, however they normalize."""
        object.__setattr__(self, "preprocess", replace(self.preprocess, mean=(0.0,) * 3, std=(1.0,) * 3))

    def see(self, frames: NDArray[np.uint8]) -> Tensor:
        """Frames (T, 3, H, W) uint8 as the network sees them (T, 3, h, w), levels 0 to 255."""
        return seen_frames(torch.from_numpy(frames), self.preprocess)


@dataclass(frozen=True, eq=False)
class Material:
    """What an audit looks at.

    Attributes:
        name: of the videos.
        clips: n of them, frames as networks see them.
        notes: what is guessed, or missing.
        failures: (video, reason) of those that cannot be read.
    """

    name: str
    clips: Clips
    notes: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


def puppet_clips(
    looks: Sequence[Look],
    *,
    number: int = NUM_SYNTHETIC,
    seed: int = 0,
    elsewhere: bool = True,
    advance: Callable[[int, int], None] | None = None,
) -> dict[Look, Material]:
    """Puppets of all actions, 7 in 10 at home, and each before another's place: every factor is known.

    Args:
        looks: of the models; puppets are drawn once for each number of frames.
        number: n clips.
        seed: of the draw.
        elsewhere: whether they stand before others' places as well.
        advance: is called with puppets drawn and puppets to draw.
    """
    actions, scenes = sample_pairs(number, coupling=_COUPLING, seed=seed)
    seeds = [_FIRST_SEED + 100_000 * seed + row for row in range(number)]
    targets = np.array(actions)
    places = partners(targets, seed)
    names = tuple(SCENES[scene] for scene in scenes)
    groups, found = _by_length(looks), {}
    for done, (length, alike) in enumerate(groups.items()):
        videos: list[PuppetVideo] = []
        for start in range(0, number, _DRAWN_AT_ONCE):
            part = slice(start, start + _DRAWN_AT_ONCE)
            videos += render_many(actions[part], scenes[part], seeds[part], View(length))
            if advance is not None:
                advance(done * number + len(videos), len(groups) * number)
        for look in alike:
            filmed = torch.stack([look.see(video.frames) for video in videos])
            swaps = _drawn_elsewhere(look, videos, places) if elsewhere else None
            clips = Clips(_rows_of(filmed), ACTIONS, targets, names, seed=seed, swaps=swaps)
            found[look] = Material(f"{number} puppet videos", clips)
    return found


def _by_length(looks: Sequence[Look]) -> dict[int, list[Look]]:
    """Number of frames → the looks of that many, each once."""
    groups: dict[int, list[Look]] = {}
    for look in dict.fromkeys(looks):
        groups.setdefault(look.num_frames, []).append(look)
    return groups


def _rows_of(frames: Tensor) -> Callable[[Sequence[int]], Tensor]:
    """Rows → those of the frames (n, T, 3, h, w)."""
    return lambda rows: frames[list(rows)]


def _drawn_elsewhere(look: Look, videos: Sequence[PuppetVideo], places: NDArray[np.int64]) -> Swaps:
    """Every puppet before the place of another."""
    pairs = zip(videos, places, strict=True)
    moved = torch.stack([look.see(swap(video, videos[place])) for video, place in pairs])
    return Swaps(_rows_of(moved), np.arange(len(videos)), places)


def video_clips(
    split: Split,
    looks: Sequence[Look],
    *,
    masks: str = MOTION,
    seed: int = 0,
    elsewhere: bool = True,
    advance: Callable[[int, int], None] | None = None,
) -> dict[Look, Material]:
    """The clips of labeled videos, and the persons in them before other videos' places.

    Args:
        split: n videos with labels, and scenes where they are known.
        looks: of the models; a video is decoded once for each number of frames.
        masks: who finds the persons, see `finders.FINDERS`; empty: nobody, so that nothing is swapped.
        seed: of what is drawn.
        elsewhere: whether persons are wanted before other places; else nobody looks for them.
        advance: is called with videos done and videos to do.

    Raises:
        VideoError: none can be read.
        LabelError: one label alone.
    """
    if len(split.labels) < 2:
        raise LabelError(f"{split.name} has the label {split.labels[0]!r} alone; an audit needs 2 or more")
    finder = open_finder(masks) if masks and elsewhere else None
    groups, found = _by_length(looks), {}
    total = len(groups) * len(split.videos)
    for done, (length, alike) in enumerate(groups.items()):
        before = done * len(split.videos)

        def step(videos: int, before: int = before) -> None:
            if advance is not None:
                advance(before + videos, total)

        read = _read(split, length, alike, finder, step)
        for look in alike:
            found[look] = _material(split, read, look, masks if elsewhere else None, seed)
    return found


@dataclass(frozen=True, eq=False)
class _Read:
    """Videos that were decoded.

    Attributes:
        kept: those that could be.
        seen: look → frames (T, 3, h, w) of each.
        levels: look → (T, h, w) where the person is, of each; empty where nobody looked.
        failures: (video, reason) of the others.
    """

    kept: list[LabeledVideo]
    seen: dict[Look, list[Tensor]]
    levels: dict[Look, list[Tensor]]
    failures: list[tuple[str, str]]

    def add(self, video: LabeledVideo, clip: Clip, finder: Finder | None) -> None:
        """Take a video as every look sees it, and where the person is, if somebody looks for that."""
        self.kept.append(video)
        masks = None if finder is None else _masks(finder, clip)
        for look, seen in self.seen.items():
            seen.append(look.see(clip.frames))
            self.levels[look] += [] if masks is None else [look.see(masks)[:, 0]]


def _read(
    split: Split, num_frames: int, looks: Sequence[Look], finder: Finder | None, step: Callable[[int], None]
) -> _Read:
    """Each video once, as all of these looks see it."""
    sides = [look.preprocess.shorter_side for look in looks]
    side = None if None in sides else max(each for each in sides if each is not None)
    found = _Read([], {look: [] for look in looks}, {look: [] for look in looks}, [])
    with ClipReader(shorter_side=side) as reader:
        outcomes = reader.read_many([video.path for video in split.videos], Sampling(num_frames))
        for done, (video, (_, outcome)) in enumerate(zip(split.videos, outcomes, strict=True), start=1):
            if isinstance(outcome, VideoError):
                found.failures.append((name_of(video.path), str(outcome)))
            else:
                found.add(video, outcome[0], finder)
            step(done)
    if not found.kept:
        first = found.failures[0][1]
        raise VideoError(f"none of the {len(found.failures)} videos could be read (first: {first})")
    return found


def _masks(finder: Finder, clip: Clip) -> NDArray[np.uint8]:
    """(T, 3, H, W) levels of where the person is, as if they were frames."""
    found = finder.find(Footage(Film(clip, 1.0, (clip.frames.shape[2], clip.frames.shape[3]))))
    return found.levels[:, None].repeat(3, 1)


def _material(split: Split, read: _Read, look: Look, masks: str | None, seed: int) -> Material:
    """The clips of the videos that were read; masks are None where nobody asks for persons elsewhere."""
    rows = {label: row for row, label in enumerate(split.labels)}
    targets = np.array([rows[video.label] for video in read.kept])
    notes = []
    swaps = None
    filmed, levels = torch.stack(read.seen[look]), read.levels[look]
    if levels and len(set(targets.tolist())) > 1:
        swaps, lost = _swapped(filmed, torch.stack(levels), targets, seed)
        notes.append(f"persons were guessed by {masks}: swapped clips are as good as its masks")
        if lost:
            notes.append(f"nobody was found in {counted(lost, 'clip')}; they have no swapped copy")
    elif masks == "":
        notes.append("persons were not cut out: probes that need them elsewhere are left out")
    scenes = tuple(video.scene for video in read.kept)
    names = tuple(name_of(video.path) for video in read.kept)
    clips = Clips(_rows_of(filmed), split.labels, targets, scenes, names, seed, swaps)
    return Material(split.name, clips, tuple(notes), tuple(read.failures))


def _swapped(
    filmed: Tensor, levels: Tensor, targets: NDArray[np.int64], seed: int
) -> tuple[Swaps | None, int]:
    """Each clip with somebody before the place of one of another label; and how many clips have nobody."""
    hidden = levels.float() / 255
    somebody = np.flatnonzero((hidden.flatten(1).amax(1) > 0).numpy())
    if len(set(targets[somebody].tolist())) < 2:
        return None, len(filmed) - len(somebody)
    places = somebody[partners(targets[somebody], seed)]
    plates = {int(place): soft_plate(filmed[place][None], hidden[place][None])[0] for place in set(places)}
    moved = torch.stack(
        [
            soft_over(filmed[row][None], hidden[row][None], plates[int(place)][None])[0]
            for row, place in zip(somebody, places, strict=True)
        ]
    )
    return Swaps(_rows_of(moved), somebody, places), len(filmed) - len(somebody)


def partners(targets: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """(n,) for each clip another of another label, each lent about equally often.

    Args:
        targets: (n,) labels, two different ones or more.
        seed: of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(targets))
    place = np.empty(len(targets), np.int64)
    for at, row in enumerate(order):
        shift = 1
        while targets[order[(at + shift) % len(order)]] == targets[row]:
            shift += 1
        place[row] = order[(at + shift) % len(order)]
    return place
