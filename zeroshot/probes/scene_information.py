"""How much a stream says of the scene beyond what the label says of it: I(scene; stream | label)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot.errors import OptionError, counted
from zeroshot.probes.linear_scene import PENALTIES, assign_folds, fit_logistic
from zeroshot.probes.probe import Finding
from zeroshot.probes.subject import checked_rows
from zeroshot.reports.document import Bar, Bars, Table, within
from zeroshot.statistics.intervals import Estimate, t_interval
from zeroshot.statistics.jackknife import groups_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject

ENOUGH = 40
"""Clips whose scene is known that the probe needs."""

_NUM_FOLDS = 5
_NUM_PERMUTATIONS = 5
_TITLE = "What each stream says of the scene beyond the label"
_MEANINGS = {
    "nats": "I(scene; stream | label): what a classifier that knows the label learns of the scene from the "
    "stream, held out; 0 where the stream follows the motion alone",
    "share": "of all that the label leaves open of the scene, H(scene | label)",
    "null": "the most that was found when the scenes of each label's videos were exchanged among them: what "
    "chance alone gives",
}


@dataclass(frozen=True)
class SceneInformation:
    """What a stream says of the scene beyond the label.

    Attributes:
        nats: I(scene; stream | label), by 5 folds, with an interval over videos; may fall below 0 by chance.
        left_open: H(scene | label) in nats: the most there can be.
        null: nats found with scenes exchanged within labels, a number a draw.
    """

    nats: Estimate
    left_open: float
    null: tuple[float, ...]

    @property
    def share(self) -> Estimate:
        """Of what the label leaves open; nan where it leaves nothing."""
        if self.left_open <= 0:
            return Estimate(math.nan, math.nan, math.nan, self.nats.n)
        ends = (each / self.left_open for each in (self.nats.value, self.nats.low, self.nats.high))
        return Estimate(*ends, self.nats.n)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        shown = {"nats": self.nats.as_dict(), "share": self.share.as_dict()}
        return {**shown, "left_open": self.left_open, "null": list(self.null)}


def scene_information(subject: Subject, clips: Clips) -> Finding:
    """I(scene; stream | label) of each stream, of the clips whose scene is known."""
    known = np.array([scene is not None for scene in clips.scenes], dtype=bool)
    if known.sum() < ENOUGH:
        note = f"no scene information: the scene is known of {counted(int(known.sum()), 'clip')}, expected {ENOUGH}"
        return Finding(_TITLE, notes=(note,), meanings=_MEANINGS)
    scenes = np.unique([scene for scene in clips.scenes if scene is not None], return_inverse=True)[1]
    labels, videos = clips.targets[known], clips.video_numbers[known]
    try:
        found = {
            layer: information_beyond(rows[known], scenes, labels, groups=videos, seed=clips.seed)
            for layer, rows in clips.ask(subject.units).items()
        }
    except OptionError as error:
        return Finding(_TITLE, notes=(f"no scene information: {error}",), meanings=_MEANINGS)
    rows = [
        ("nats", *(f"{each.nats.value:.3f} [{each.nats.low:.3f}, {each.nats.high:.3f}]" for each in found.values())),
        ("share", *(f"{each.share.value:.1%}" for each in found.values())),
        ("null", *(f"{max(each.null):.3f}" for each in found.values())),
    ]
    bars = [
        Bar(f"said of the scene, {layer}", within(each.share), place)
        for place, (layer, each) in enumerate(found.items())
    ]
    most = max(found, key=lambda layer: found[layer].nats.value)
    verdict = f"The {most} stream says {found[most].share.value:.0%} of what the label leaves open of the scene."
    table = Table(("scene information", *found), rows)
    return Finding(_TITLE, table, Bars(bars), meanings=_MEANINGS, by_stream=found, verdict=verdict)


def information_beyond(
    rows: ArrayLike,
    scenes: ArrayLike,
    labels: ArrayLike,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> SceneInformation:
    """I(scene; row | label) = H(scene | label) − held-out cross-entropy of a classifier of both.

    H is that of the counts within each label; the classifier is multinomial logistic on the row and the
    label, cross-fitted over 5 folds. It finds what is linear: more may be there, never less but by chance.

    Args:
        rows: (n, U) numbers of each video.
        scenes: (n,) integers.
        labels: (n,) integers.
        groups: (n,) integers; rows of one group are never split. None takes each row by itself.
        seed: of the folds and of the exchanges.

    Raises:
        OptionError: one scene alone, or each label in one scene alone, where nothing is left open.
    """
    x, places = checked_rows(rows), np.unique(np.asarray(scenes), return_inverse=True)[1]
    named = np.unique(np.asarray(labels), return_inverse=True)[1]
    left_open = _left_open(places, named)
    if left_open.mean() <= 0:
        raise OptionError("the label gives the scene away in all videos; expected labels seen in 2 scenes or more")
    own = np.arange(len(x)) if groups is None else groups
    folds = assign_folds(places, own, _NUM_FOLDS, seed)
    inputs = torch.cat([x, F.one_hot(torch.from_numpy(named)).to(x.dtype)], dim=1)
    wanted, penalty = torch.from_numpy(places), _best_penalty(inputs, torch.from_numpy(places), folds)
    gained = left_open - _surprise(inputs, wanted, folds, penalty)
    generator = np.random.default_rng(seed)
    null = []
    for _ in range(_NUM_PERMUTATIONS):
        mixed = _exchanged(places, named, generator)
        surprise = _surprise(inputs, torch.from_numpy(mixed), folds, penalty)
        null.append(float((left_open - surprise).mean()))
    by_group = groups_of(len(own), own)
    spread = t_interval([float(gained[by_group == group].mean()) for group in np.unique(by_group)])
    value, reach = float(gained.mean()), (spread.high - spread.low) / 2
    estimate = Estimate(value, value - reach, value + reach, len(x))
    return SceneInformation(estimate, float(left_open.mean()), tuple(null))


def _left_open(scenes: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) −log of each video's scene's share among its label's; the mean is H(scene | label)."""
    counts = np.zeros((labels.max() + 1, scenes.max() + 1))
    np.add.at(counts, (labels, scenes), 1)
    shares: NDArray[np.float64] = counts[labels, scenes] / counts.sum(1)[labels]
    result: NDArray[np.float64] = -np.log(shares)
    return result


def _surprise(
    inputs: Tensor, scenes: Tensor, folds: NDArray[np.int64], penalty: float
) -> NDArray[np.float64]:
    """(n,) −log of the probability that a classifier of the other folds gives each video's scene."""
    surprise, fold_of = torch.empty(len(inputs), dtype=torch.float64), torch.from_numpy(folds)
    num_scenes = int(scenes.max()) + 1
    for fold in range(_NUM_FOLDS):
        test = fold_of == fold
        logits = fit_logistic(inputs[~test], scenes[~test], num_scenes, penalty)(inputs[test])
        surprise[test] = F.cross_entropy(logits, scenes[test], reduction="none")
    result: NDArray[np.float64] = surprise.numpy()
    return result


def _best_penalty(inputs: Tensor, scenes: Tensor, folds: NDArray[np.int64]) -> float:
    """The penalty whose classifiers are least surprised by the first fold."""
    test, num_scenes = torch.from_numpy(folds == 0), int(scenes.max()) + 1

    def surprise(penalty: float) -> float:
        logits = fit_logistic(inputs[~test], scenes[~test], num_scenes, penalty)(inputs[test])
        return float(F.cross_entropy(logits, scenes[test]))

    return min(PENALTIES, key=surprise)


def _exchanged(
    scenes: NDArray[np.int64], labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The scenes, each label's shuffled among its own videos."""
    mixed = scenes.copy()
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        mixed[rows] = scenes[generator.permutation(rows)]
    return mixed
