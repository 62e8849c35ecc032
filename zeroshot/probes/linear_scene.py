"""How well the scene can be read from a stream: a linear classifier that did not see the video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.errors import OptionError, counted
from zeroshot.probes.probe import Finding
from zeroshot.probes.subject import checked_rows
from zeroshot.reports.document import Bar, Bars, Table, percent
from zeroshot.statistics.intervals import Count, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from zeroshot.probes.subject import Clips, Subject

PENALTIES = (1000.0, 100.0, 10.0, 1.0)
_NUM_FOLDS = 5
_TITLE = "The scene, read from each stream"
_MEANING = (
    "right about the scene, by a linear classifier that did not see the video; a stream that follows the "
    "motion alone stays at chance"
)


@dataclass(frozen=True)
class SceneProbe:
    """How well a linear classifier reads the scene from a stream.

    Attributes:
        count: videos, each judged by a classifier that did not see it.
        accuracy: their share with Wilson's interval.
        chance: share of the commonest scene: what can be reached without looking.
    """

    count: Count
    accuracy: Estimate
    chance: float

    def as_dict(self) -> dict[str, Any]:
        """Counts first."""
        hits, videos = self.count.hits, self.count.total
        return {"hits": hits, "videos": videos, "chance": self.chance, "accuracy": self.accuracy.as_dict()}


def linear_scene(subject: Subject, clips: Clips) -> Finding:
    """Accuracy of a linear classifier of the scene on each layer, of the clips whose scene is known."""
    known = np.array([scene is not None for scene in clips.scenes], dtype=bool)
    meanings = {"scene": _MEANING}
    if not known.any():
        return Finding(_TITLE, notes=("no scene probe: no video has a scene",), meanings=meanings)
    names, scenes = np.unique([scene for scene in clips.scenes if scene is not None], return_inverse=True)
    videos = clips.video_numbers[known]
    notes = () if known.all() else (f"the scene is known of {known.sum()} of {len(known)} videos",)
    try:
        if len(names) < 2 or len(set(videos.tolist())) < _NUM_FOLDS:
            count = f"{counted(len(names), 'scene')} in {counted(len(set(videos.tolist())), 'video')}"
            raise OptionError(f"{count}, expected 2 or more in {_NUM_FOLDS}")
        found = {
            layer: probe_scene(rows[known], scenes, groups=videos, num_folds=_NUM_FOLDS, seed=clips.seed)
            for layer, rows in clips.ask(subject.units).items()
        }
    except OptionError as error:
        return Finding(_TITLE, notes=(*notes, f"no scene probe: {error}"), meanings=meanings)
    chance = next(iter(found.values())).chance
    shares = {layer: each.accuracy for layer, each in found.items()}
    row = (f"scene (chance {chance:.1%})", *map(percent, shares.values()))
    bars = [Bar(f"scene, {layer}", share, layer) for layer, share in shares.items()]
    table = Table(("%, with 95 % intervals", *found), [row])
    return Finding(_TITLE, table, Bars(bars, chance), notes=notes, meanings=meanings, by_stream=found)


def probe_scene(
    embeddings: ArrayLike,
    scenes: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    num_folds: int = 5,
    penalty: float | None = None,
    seed: int = 0,
) -> SceneProbe:
    """Accuracy of a cross-validated logistic classifier of the scene, on a stream's embeddings.

    Ask it on videos whose scene does not follow from their label: where it does, a stream that knows the
    action alone knows the scene as well.

    Args:
        embeddings: (n, D) of one stream.
        scenes: (n,) integers.
        groups: (n,) integers; rows of one group (samplings of one video) are never split between training
            and test. None takes each row by itself.
        num_folds: parts, each judged once by a classifier of the others; 3 or more.
        penalty: of the squared weights, on features of variance 1. None tries each of PENALTIES on a fold of
            the training rows: with a penalty that does not suit, a probe finds less than there is.
        seed: of the folds.

    Raises:
        OptionError: fewer than two scenes, fewer groups than folds, or shapes that do not fit.
    """
    rows, places = checked_rows(embeddings), np.asarray(scenes)
    if places.shape != rows.shape[:1] or not np.issubdtype(places.dtype, np.integer):
        raise OptionError(
            f"scenes are {places.dtype} of shape {places.shape}; expected ({len(rows)},) integers"
        )
    present, targets = np.unique(places, return_inverse=True)
    if len(present) < 2:
        raise OptionError(f"the videos show {len(present)} scene; a scene probe needs 2 or more")
    own = np.arange(len(rows)) if groups is None else np.asarray(groups)
    folds = assign_folds(targets, own, num_folds, seed)
    labels, fold_of = torch.from_numpy(targets), torch.from_numpy(folds)
    hits = np.zeros(len(rows), dtype=bool)
    for fold in range(num_folds):
        test, tuning = fold_of == fold, fold_of == (fold + 1) % num_folds
        best = _best_penalty(rows[~test], labels[~test], tuning[~test]) if penalty is None else penalty
        logits = fit_logistic(rows[~test], labels[~test], len(present), best)(rows[test])
        hits[test.numpy()] = (logits.argmax(1) == labels[test]).numpy()
    count = Count.of(hits)
    return SceneProbe(count, count.estimate(), float(np.bincount(targets).max() / len(rows)))


def assign_folds(
    targets: NDArray[np.int64], groups: NDArray[np.int64], num_folds: int, seed: int
) -> NDArray[np.int64]:
    """(n,) fold of each row: whole groups, and about as many of each target in every fold.

    Args:
        targets: (n,) integers; a group goes by its first row's.
        groups: (n,) integers.
        num_folds: 3 or more: to judge, to tune, to learn.
        seed: of the shuffle.
    """
    if groups.shape != targets.shape:
        raise OptionError(f"groups have shape {groups.shape}; expected {targets.shape}")
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    if not 3 <= num_folds <= len(first):
        raise OptionError(
            f"{num_folds} folds of {len(first)} videos; expected 3 or more, and a video for each"
        )
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(targets[first][order], kind="stable")]
    folds = np.empty(len(first), np.int64)
    folds[order] = np.arange(len(first)) % num_folds  # dealt out like cards, scene after scene
    result: NDArray[np.int64] = folds[member]
    return result


def fit_logistic(
    rows: Tensor, targets: Tensor, num_classes: int, penalty: float = 1.0, offset: Tensor | None = None
) -> Callable[[Tensor], Tensor]:
    """A function rows (m, D) → logits (m, S): the minimum of Σ cross-entropy + penalty / 2 · ‖W‖².

    Features are brought to mean 0 and variance 1 by the training rows first: on unit rows of many numbers the
    penalty would else hold the weights near zero and hide what is there.

    Args:
        rows: (n, D) training rows.
        targets: (n,) integers below num_classes.
        num_classes: S.
        penalty: > 0, so that there is one minimum; the intercept is free of it.
        offset: (n, S) logits that are known before the rows are looked at, and are not learned; whoever
            calls the function adds those of the new rows.
    """
    if not penalty > 0:
        raise OptionError(f"penalty is {penalty}; expected a number > 0")
    mean, spread = rows.mean(0), rows.std(0, correction=0)
    spread = torch.where(spread > 1e-9 * rows.abs().max(), spread, 1.0)  # a constant stays a constant
    inputs = (rows - mean) / spread
    wanted = F.one_hot(targets, num_classes).to(rows.dtype)
    weights = torch.zeros(inputs.shape[1], num_classes, dtype=rows.dtype)
    intercept = torch.zeros(num_classes, dtype=rows.dtype)
    solver = torch.optim.LBFGS(
        [weights, intercept],
        max_iter=500,
        tolerance_grad=1e-6,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        """Its gradient is written out: to derive so few numbers took longer than to multiply them."""
        logits = torch.addmm(intercept, inputs, weights)
        logs = F.log_softmax(logits if offset is None else logits + offset, 1)
        missed = (logs.exp() - wanted) / len(rows)
        weights.grad = torch.addmm(weights, inputs.T, missed, beta=penalty / len(rows))
        intercept.grad = missed.sum(0)
        return -(logs * wanted).sum() / len(rows) + penalty / 2 * weights.square().sum() / len(rows)

    solver.step(loss)  # type: ignore[no-untyped-call]
    return lambda new: (new - mean) / spread @ weights + intercept


def _best_penalty(rows: Tensor, targets: Tensor, tuning: Tensor) -> float:
    """The largest penalty whose classifier of the other rows is right most often on the `tuning` ones."""
    num_classes = int(targets.max()) + 1
    hits = []
    for penalty in PENALTIES:
        classifier = fit_logistic(rows[~tuning], targets[~tuning], num_classes, penalty)
        hits.append(int((classifier(rows[tuning]).argmax(1) == targets[tuning]).sum()))
    return PENALTIES[hits.index(max(hits))]
