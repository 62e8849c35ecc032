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
from zeroshot.probes.probe import ANSWER, Finding, spoken
from zeroshot.probes.subject import checked_rows
from zeroshot.reports.document import Bar, Bars, Table, within
from zeroshot.statistics.intervals import Estimate
from zeroshot.statistics.jackknife import groups_of, mean_over_groups

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from zeroshot.probes.subject import Clips, Subject

ENOUGH = 40
"""Clips whose scene is known that the probe needs."""

_NUM_FOLDS = 5
_NUM_EXCHANGES = 3
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
        left_open: H(scene | label) in nats, as who learned from the other folds knows it: the most possible.
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
        value, low, high = (
            each / self.left_open for each in (self.nats.value, self.nats.low, self.nats.high)
        )
        return Estimate(value, low, high, self.nats.n)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        shown = {"nats": self.nats.as_dict(), "share": self.share.as_dict()}
        return {**shown, "left_open": self.left_open, "null": list(self.null)}


def scene_information(subject: Subject, clips: Clips) -> Finding:
    """I(scene; stream | label) of each stream, of the clips whose scene is known."""
    known = np.array([scene is not None for scene in clips.scenes], dtype=bool)
    if known.sum() < ENOUGH:
        clips_known = counted(int(known.sum()), "clip")
        note = f"no scene information: the scene is known of {clips_known}, expected {ENOUGH}"
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
        (
            "nats",
            *(
                f"{each.nats.value:.3f} [{each.nats.low:.3f}, {each.nats.high:.3f}]"
                for each in found.values()
            ),
        ),
        ("share", *(f"{each.share.value:.1%}" for each in found.values())),
        ("null", *(f"{max(each.null):.3f}" for each in found.values())),
    ]
    bars = [
        Bar(f"said of the scene, {layer}", within(each.share), place)
        for place, (layer, each) in enumerate(found.items())
    ]
    serving = found.get(subject.stream)
    verdict = "" if serving is None else _verdict(subject.stream, serving)
    table = Table(("scene information", *found), rows)
    return Finding(_TITLE, table, Bars(bars), meanings=_MEANINGS, by_stream=found, verdict=verdict)


def _verdict(stream: str, found: SceneInformation) -> str:
    """Whether more is said than chance gives, and how much."""
    if found.nats.low <= max(0.0, *found.null):
        return f"What {spoken(stream)} says of the scene beyond the label is no more than chance gives."
    says = "The answer" if stream == ANSWER else stream
    return f"{says} says {found.share.value:.0%} of what the label leaves open of the scene."


def information_beyond(
    rows: ArrayLike,
    scenes: ArrayLike,
    labels: ArrayLike,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
    num_exchanges: int = _NUM_EXCHANGES,
) -> SceneInformation:
    """I(scene; row | label): by how much less surprising the row makes a scene to who knows the label.

    Both who knows the label alone and who sees the row as well have learned from the other folds, so that few
    videos of a label flatter neither: the first goes by the label's scenes, the second by these and, on top,
    a multinomial logistic classifier of the row. It finds what is linear: more may be there.

    Args:
        rows: (n, U) numbers of each video.
        scenes: (n,) integers.
        labels: (n,) integers.
        groups: (n,) integers; rows of one group are never split. None takes each row by itself.
        seed: of the folds and of the exchanges.
        num_exchanges: times that scenes are exchanged within labels; 0 leaves the null empty.

    Raises:
        OptionError: one scene alone, or each label in one scene alone, where nothing is left open.
    """
    x, places = checked_rows(rows), np.unique(np.asarray(scenes), return_inverse=True)[1]
    named = np.unique(np.asarray(labels), return_inverse=True)[1]
    pairs = len(set(zip(named.tolist(), places.tolist(), strict=True)))
    if pairs == named.max() + 1:
        raise OptionError(
            "the label gives the scene away in all videos; expected labels seen in 2 scenes or more"
        )
    own = np.arange(len(x)) if groups is None else groups
    folds = assign_folds(places, own, _NUM_FOLDS, seed)
    penalty = _best_penalty(x, places, named, folds)
    before, after = _surprises(x, places, named, folds, penalty)
    generator, null = np.random.default_rng(seed), []
    for _ in range(num_exchanges):
        mixed = _exchanged(places, named, generator)
        chosen = _best_penalty(x, mixed, named, folds)
        first, second = _surprises(x, mixed, named, folds, chosen)
        null.append(float((first - second).mean()))
    estimate = mean_over_groups(before - after, groups_of(len(own), own))
    return SceneInformation(estimate, float(before.mean()), tuple(null))


def _surprises(
    rows: Tensor,
    scenes: NDArray[np.int64],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    penalty: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) −log of the probability of each video's scene, to who knows its label, and its row as well."""
    before, after = np.empty(len(rows)), np.empty(len(rows))
    for fold in range(_NUM_FOLDS):
        test = folds == fold
        before[test], after[test] = _of_others(rows, scenes, labels, test, penalty)
    return before, after


def _of_others(
    rows: Tensor,
    scenes: NDArray[np.int64],
    labels: NDArray[np.int64],
    test: NDArray[np.bool_],
    penalty: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same of the test videos, to who has learned from the others."""
    counts = np.zeros((labels.max() + 1, scenes.max() + 1))
    np.add.at(counts, (labels[~test], scenes[~test]), 1)
    usual = (counts.sum(0) + 1) / (counts.sum() + counts.shape[1])
    own = counts[labels[~test]]
    own[np.arange(len(own)), scenes[~test]] -= 1  # a video that teaches is not told its own scene
    taught, known = _log_shares(own, usual), _log_shares(counts[labels[test]], usual)
    wanted, offset = torch.from_numpy(scenes), torch.from_numpy(taught)
    classifier = fit_logistic(rows[~test], wanted[~test], counts.shape[1], penalty, offset)
    logits = torch.from_numpy(known) + classifier(rows[test])
    after: NDArray[np.float64] = F.cross_entropy(logits, wanted[test], reduction="none").numpy()
    before: NDArray[np.float64] = -known[np.arange(len(known)), scenes[test]]
    return before, after


def _log_shares(counts: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, S) log of each scene's share among counts (m, S) and one video more, spread as is usual."""
    shares: NDArray[np.float64] = np.log((counts + usual) / (counts.sum(1, keepdims=True) + 1))
    return shares


def _best_penalty(
    rows: Tensor, scenes: NDArray[np.int64], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> float:
    """The penalty with which the first fold's scenes are least surprising to who learned from the others."""
    test = folds == 0
    return min(
        PENALTIES, key=lambda penalty: float(_of_others(rows, scenes, labels, test, penalty)[1].mean())
    )


def _exchanged(
    scenes: NDArray[np.int64], labels: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The scenes, each label's shuffled among its own videos."""
    mixed = scenes.copy()
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        mixed[rows] = scenes[generator.permutation(rows)]
    return mixed
