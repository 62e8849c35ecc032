"""What a stream knows besides the action: the scene, the other stream, the order of the frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot.errors import OptionError
from zeroshot.losses.independence import KERNELS, center, dependence
from zeroshot.statistics.intervals import Count, Estimate, paired_difference, paired_table, t_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

PENALTIES = (1000.0, 100.0, 10.0, 1.0)
_NUM_GROUPS = 10  # of the jackknife


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
    rows, places = _checked_rows(embeddings), np.asarray(scenes)
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
    rows: Tensor, targets: Tensor, num_classes: int, penalty: float = 1.0
) -> Callable[[Tensor], Tensor]:
    """A function rows (m, D) → logits (m, S): the minimum of Σ cross-entropy + penalty / 2 · ‖W‖².

    Features are brought to mean 0 and variance 1 by the training rows first: on unit rows of many numbers the
    penalty would else hold the weights near zero and hide what is there.

    Args:
        rows: (n, D) training rows.
        targets: (n,) integers below num_classes.
        num_classes: S.
        penalty: > 0, so that there is one minimum; the intercept is free of it.
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
        logs = F.log_softmax(torch.addmm(intercept, inputs, weights), 1)
        missed = (logs.exp() - wanted) / len(rows)
        weights.grad = torch.addmm(weights, inputs.T, missed, beta=penalty / len(rows))
        intercept.grad = missed.sum(0)
        return -(logs * wanted).sum() / len(rows) + penalty / 2 * weights.square().sum() / len(rows)

    solver.step(loss)  # type: ignore[no-untyped-call]
    return lambda new: (new - mean) / spread @ weights + intercept


def stream_dependence(
    static: ArrayLike, dynamic: ArrayLike, *, kernel: str = "rbf", seed: int = 0, max_rows: int = 2048
) -> Estimate:
    """NHSIC between two streams of the same videos: about 0 if independent, 1 if each follows from the other.

    The interval is a jackknife over ten random groups of videos. (A bootstrap would count each video drawn
    twice as a pair of equal ones, and find dependence in noise.)

    Args:
        static: (n, D) rows.
        dynamic: (n, E) rows of the same videos.
        kernel: `rbf`, or `linear` for unbiased CKA.
        seed: of the groups, and of the choice of rows where there are more than max_rows.
        max_rows: the kernels take the square of it; 2048 rows are 32 MiB each.

    Raises:
        OptionError: shapes that do not fit, an unknown kernel, or fewer than 20 videos.
    """
    x, y = _checked_rows(static), _checked_rows(dynamic)
    if len(x) != len(y):
        raise OptionError(f"the streams have {len(x)} and {len(y)} rows; expected the same videos")
    if kernel not in KERNELS:
        raise OptionError(f"kernel is {kernel!r}; expected one of {', '.join(KERNELS)}")
    if min(len(x), max_rows) < 2 * _NUM_GROUPS:
        raise OptionError(f"{min(len(x), max_rows)} videos to compare; expected {2 * _NUM_GROUPS} or more")
    chosen = torch.from_numpy(np.random.default_rng(seed).permutation(len(x))[:max_rows])
    x, y = x[chosen], y[chosen]
    value = float(dependence(x, y, kernel))
    kernels = KERNELS[kernel](x), KERNELS[kernel](y)
    group = torch.arange(len(x)) % _NUM_GROUPS
    without = [_normalized(*kernels, group != g) for g in range(_NUM_GROUPS)]
    spread = t_interval([_NUM_GROUPS * value - (_NUM_GROUPS - 1) * other for other in without])
    reach = (spread.high - spread.low) / 2
    return Estimate(value, value - reach, value + reach, len(x))


def _normalized(kernel_x: Tensor, kernel_y: Tensor, keep: Tensor) -> float:
    """NHSIC of the rows to keep, with the kernels of all rows; 0 where a side does not vary."""
    a, b = (center(kernel[keep][:, keep]) for kernel in (kernel_x, kernel_y))
    own = float(a.square().sum() * b.square().sum())
    return float((a * b).sum()) / math.sqrt(own) if own > 0 else 0.0


def _best_penalty(rows: Tensor, targets: Tensor, tuning: Tensor) -> float:
    """The largest penalty whose classifier of the other rows is right most often on the `tuning` ones."""
    num_classes = int(targets.max()) + 1
    hits = []
    for penalty in PENALTIES:
        classifier = fit_logistic(rows[~tuning], targets[~tuning], num_classes, penalty)
        hits.append(int((classifier(rows[tuning]).argmax(1) == targets[tuning]).sum()))
    return PENALTIES[hits.index(max(hits))]


def _shuffled(x: Tensor, seed: int) -> Tensor:
    places = torch.arange(x.shape[1])
    generator = torch.Generator().manual_seed(seed)
    order = places
    while x.shape[1] > 1 and bool((order == places).all()):
        order = torch.randperm(x.shape[1], generator=generator)
    return x[:, order]


def _reversed(x: Tensor, _: int) -> Tensor:
    return x.flip(1)


def _frozen(x: Tensor, _: int) -> Tensor:
    middle = x.shape[1] // 2
    return x[:, middle : middle + 1].expand_as(x)


REARRANGEMENTS: Mapping[str, Callable[[Tensor, int], Tensor]] = MappingProxyType(
    {"shuffled": _shuffled, "reversed": _reversed, "frozen": _frozen}
)


def rearrange(x: Tensor, order: str, seed: int = 0) -> Tensor:
    """Frames or tokens x (B, T, …) with the frames `shuffled`, `reversed` or `frozen` at the middle one.

    Args:
        x: (B, T, …).
        order: which.
        seed: of the one permutation that all videos share, so that batches do not matter.
    """
    if order not in REARRANGEMENTS:
        raise OptionError(f"order is {order!r}; expected one of {', '.join(REARRANGEMENTS)}")
    if x.ndim < 2:
        raise OptionError(f"frames have shape {tuple(x.shape)}; expected (B, T, …)")
    return REARRANGEMENTS[order](x, seed)


def accuracy_drop(intact: ArrayLike, rearranged: ArrayLike) -> Estimate:
    """Accuracy lost on the same videos by an edit: how much the order of frames matters to a model.

    Args:
        intact: (n,) booleans.
        rearranged: (n,) booleans of the same videos, edited.
    """
    return paired_difference(paired_table(intact, rearranged))


def _checked_rows(values: ArrayLike) -> Tensor:
    """(n, D) float64, finite."""
    rows = np.asarray(values)
    if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.floating):
        raise OptionError(f"embeddings are {rows.dtype} of shape {rows.shape}; expected floats (n, D)")
    if (bad := ~np.isfinite(rows).all(1)).any():
        raise OptionError(f"the embedding of video {int(np.argmax(bad))} is not finite")
    return torch.from_numpy(rows.astype(np.float64))
