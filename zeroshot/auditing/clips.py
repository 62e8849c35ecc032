"""The clips of an audit: frames of puppets or videos, each decoded once, and the same persons elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
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
from zeroshot.video.source import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from zeroshot.cutouts.finder import Finder
    from zeroshot.datasets.splits import LabeledVideo, Split
    from zeroshot.types import Clip
    from zeroshot.video.sampling import Sampling

_FIRST_SEED = 7_000_000  # of puppets that nobody was trained on
_COUPLING = 0.7
NUM_SYNTHETIC = 192


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
    see: Callable[[NDArray[np.uint8]], Tensor], num_frames: int, *, number: int = NUM_SYNTHETIC, seed: int = 0
) -> Material:
    """Puppets of all actions, 7 in 10 at home, and each before another's place: every factor is known.

    Args:
        see: frames (T, 3, H, W) uint8 → as the network sees them (T, 3, h, w).
        num_frames: T.
        number: n clips.
        seed: of the draw.
    """
    actions, scenes = sample_pairs(number, coupling=_COUPLING, seed=seed)
    seeds = [_FIRST_SEED + 100_000 * seed + row for row in range(number)]
    videos = render_many(actions, scenes, seeds, View(num_frames))
    targets = np.array(actions)
    places = partners(targets, seed)
    filmed = torch.stack([see(video.frames) for video in videos])
    moved = torch.stack(
        [see(swap(video, videos[place])) for video, place in zip(videos, places, strict=True)]
    )
    swaps = Swaps(lambda rows: moved[list(rows)], np.arange(number), places)
    names = tuple(SCENES[scene] for scene in scenes)
    clips = Clips(lambda rows: filmed[list(rows)], ACTIONS, targets, names, seed=seed, swaps=swaps)
    return Material(f"{number} puppet videos", clips)


def video_clips(
    split: Split,
    see: Callable[[NDArray[np.uint8]], Tensor],
    sampling: Sampling,
    *,
    side: int | None = None,
    masks: str = MOTION,
    seed: int = 0,
    advance: Callable[[int, int], None] | None = None,
) -> Material:
    """The clips of labeled videos, and the persons in them before other videos' places.

    Args:
        split: n videos with labels, and scenes where they are known.
        see: as for `puppet_clips`.
        sampling: of the frames.
        side: pixels of the shorter side that frames are reduced to at most.
        masks: who finds the persons, see `finders.FINDERS`; empty: nobody, so that nothing is swapped.
        seed: of what is drawn.
        advance: is called with videos done and videos to do.

    Raises:
        VideoError: none can be read.
        LabelError: one label alone.
    """
    if len(split.labels) < 2:
        raise LabelError(f"{split.name} has the label {split.labels[0]!r} alone; an audit needs 2 or more")
    seen, levels, kept, failures = [], [], [], []
    finder = open_finder(masks) if masks else None
    with ClipReader(shorter_side=side) as reader:
        outcomes = reader.read_many([video.path for video in split.videos], sampling)
        for done, (video, (_, outcome)) in enumerate(zip(split.videos, outcomes, strict=True), start=1):
            if isinstance(outcome, VideoError):
                failures.append((name_of(video.path), str(outcome)))
            else:
                kept.append(video)
                seen.append(see(outcome[0].frames))
                levels += [] if finder is None else [see(_masks(finder, outcome[0]))[:, 0]]
            if advance is not None:
                advance(done, len(split.videos))
    if not kept:
        raise VideoError(f"none of the {len(failures)} videos could be read (first: {failures[0][1]})")
    return _material(split, kept, torch.stack(seen), levels, masks, seed, failures)


def _masks(finder: Finder, clip: Clip) -> NDArray[np.uint8]:
    """(T, 3, H, W) levels of where the person is, as if they were frames."""
    found = finder.find(Footage(Film(clip, 1.0, (clip.frames.shape[2], clip.frames.shape[3]))))
    return found.levels[:, None].repeat(3, 1)


def _material(
    split: Split,
    kept: Sequence[LabeledVideo],
    filmed: Tensor,
    levels: list[Tensor],
    masks: str,
    seed: int,
    failures: list[tuple[str, str]],
) -> Material:
    """The clips of the videos that were read."""
    rows = {label: row for row, label in enumerate(split.labels)}
    targets = np.array([rows[video.label] for video in kept])
    notes = []
    swaps = None
    if levels and len(set(targets.tolist())) > 1:
        swaps, lost = _swapped(filmed, torch.stack(levels), targets, seed, masks)
        notes.append(f"persons were guessed by {masks}: swapped clips are as good as its masks")
        if lost:
            notes.append(f"nobody was found in {counted(lost, 'clip')}; they have no swapped copy")
    elif not masks:
        notes.append("persons were not cut out: probes that need them elsewhere are left out")
    scenes = tuple(video.scene for video in kept)
    if not any(scenes):
        notes.append(
            "no video has a scene: probes of the scene are left out; a column `scene` brings them in"
        )
    names = tuple(name_of(video.path) for video in kept)
    clips = Clips(lambda some: filmed[list(some)], split.labels, targets, scenes, names, seed, swaps)
    return Material(split.name, clips, tuple(notes), tuple(failures))


def _swapped(
    filmed: Tensor, levels: Tensor, targets: NDArray[np.int64], seed: int, masks: str
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
    origin = f"{masks}, which guesses"
    return Swaps(lambda some: moved[list(some)], somebody, places, origin), len(filmed) - len(somebody)


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
